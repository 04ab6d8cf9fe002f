#include "core/hooks/hook.h"

#include "core/json_writer.h"
#include "core/version.h"

namespace urc::hooks {

namespace {

struct Word {
    const char* name;
    const char* status;
};

Word word_of(Kind kind) {
    switch (kind) {
        case Kind::prestart:
            return {"prestart", "created"};
        case Kind::create_runtime:
            return {"createRuntime", "creating"};
        case Kind::create_container:
            return {"createContainer", "creating"};
        case Kind::start_container:
            return {"startContainer", "created"};
        case Kind::poststart:
            return {"poststart", "running"};
        case Kind::poststop:
            break;
    }
    return {"poststop", "stopped"};
}

Error describe(Kind kind, std::size_t index, const Error& error) {
    return Error::message("error running " + std::string(word_of(kind).name) + " hook #" +
                              std::to_string(index) + ": " + error.text(),
                          kHookFailed);
}

}  // namespace

std::string state_document(Kind kind, const Subject& subject) {
    std::string out;
    JsonWriter json(out);
    json.begin_object();
    json.key("ociVersion").string(kOciVersion);
    json.key("id").string(subject.id);
    json.key("status").string(word_of(kind).status);
    if (subject.pid > 0) json.key("pid").number(subject.pid);
    json.key("bundle").string(subject.bundle);
    if (!subject.annotations.empty()) {
        json.key("annotations").begin_object();
        for (const auto& [name, value] : subject.annotations) json.key(name).string(value);
        json.end_object();
    }
    json.end_object();
    return out;
}

Result<void> run(Kind kind, const std::vector<spec::Hook>& hooks, const Subject& subject,
                 const Become& become) {
    if (hooks.empty()) return {};
    const std::string document = state_document(kind, subject);
    // Inside, the working directory is the program's own.
    const std::string directory(kind == Kind::start_container ? std::string_view() : subject.bundle);
    for (std::size_t i = 0; i < hooks.size(); ++i)
        if (auto done = run_process({hooks[i], document, directory, become}); !done.ok())
            return describe(kind, i, done.error());
    return {};
}

void run_poststop(const Log& log, const std::vector<spec::Hook>& hooks, const Subject& subject) {
    if (hooks.empty()) return;
    const std::string document = state_document(Kind::poststop, subject);
    const std::string directory(subject.bundle);
    for (std::size_t i = 0; i < hooks.size(); ++i)
        if (auto done = run_process({hooks[i], document, directory, {}}); !done.ok())
            log.warning(describe(Kind::poststop, i, done.error()).text());
}

}  // namespace urc::hooks
