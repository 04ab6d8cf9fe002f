// Documents for the tests of core/spec.
#pragma once

#include <string>
#include <string_view>

namespace urc::test {

// A configuration in which every field of the specification's Linux part is set to something right.
extern const std::string_view kEveryField;

// The least that validates: args, cwd, root, all namespaces new but user and time.
extern const std::string_view kPlain;

// `{"a":{"b":[{"c": VALUE}]}}` for the path "a.b[0].c". A part in quotes is a key of a map: `a."k.x".b`.
std::string nest(std::string_view path, std::string_view value);

// tests/data/docker-like-config.json
std::string docker_like();

}  // namespace urc::test
