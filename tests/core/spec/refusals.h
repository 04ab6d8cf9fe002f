// A document that is right, one edit that makes it wrong, and the line that it gets: the rows of the tests of
// validate.h.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/spec/parse.h"
#include "core/spec/validate.h"
#include "tests/core/spec/documents.h"

// The rows name the one member that matters; the others are meant to be empty.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

namespace urc::test {

inline spec::Spec plain() {
    auto result = parse_spec(kPlain);
    EXPECT_TRUE(result.ok());
    return std::move(*result);
}

inline std::string verdict(const Result<void>& result) {
    return result.ok() ? "accepted" : result.error().text();
}

struct Row {
    const char* message;  // after "config.json: "
    void (*edit)(spec::Spec&);
};

inline void expect_refused(const Row& row, spec::Spec spec, ValidateOptions options = {}) {
    ASSERT_EQ(verdict(validate(spec, options)), "accepted") << "before: " << row.message;
    row.edit(spec);
    EXPECT_EQ(verdict(validate(spec, options)), std::string("config.json: ") + row.message);
}

}  // namespace urc::test
