#include "bench/bundle.h"

#include <fcntl.h>
#include <simdjson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "bench/filter.h"
#include "uring/file.h"

namespace urc::bench {

namespace {

using simdjson::dom::element;

void append_string(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

// Prints a document again, leaving out and adding members at the few paths that the edit names.
class Editor {
public:
    explicit Editor(const ConfigEdit& edit) : edit_(edit) {}

    std::string print(const element& root) {
        value(root, "");
        return std::move(out_);
    }

private:
    bool is_dropped(std::string_view path, std::string_view key) const {
        if (path == "/process") return key == "args" || key == "terminal" || key == "consoleSize";
        if (path == "/root") return key == "path";
        const auto& dropped = edit_.dropped_resources;
        return path == "/linux/resources" && std::find(dropped.begin(), dropped.end(), key) != dropped.end();
    }

    // What is appended to the array at `path`, as the elements' text.
    std::vector<std::string> addition_to(const std::string& path) const {
        std::vector<std::string> elements;
        if (path == "/process/env") {
            for (const std::string& variable : edit_.environment)
                append_string(elements.emplace_back(), variable);
        } else if (path == "/mounts") {
            for (const auto& [from, to] : edit_.binds) {
                std::string& mount =
                    elements.emplace_back(R"({"type":"bind","options":["bind","rw"],"source":)");
                append_string(mount, from);
                mount += ",\"destination\":";
                append_string(mount, to);
                mount += '}';
            }
        }
        return elements;
    }

    // The array that was just printed gets more elements.
    void extend(const std::vector<std::string>& elements) {
        out_.pop_back();
        for (const std::string& element : elements) {
            if (out_.back() != '[') out_ += ',';
            out_ += element;
        }
        out_ += ']';
    }

    void name(bool& is_first, std::string_view key) {
        if (!is_first) out_ += ',';
        is_first = false;
        append_string(out_, key);
        out_ += ':';
    }

    void value(const element& node, const std::string& path) {
        simdjson::dom::object members;
        if (node.get_object().get(members) != simdjson::SUCCESS) {
            out_ += simdjson::minify(node);
            if (node.is_array() && !addition_to(path).empty()) extend(addition_to(path));
            return;
        }
        bool is_first = true;
        out_ += '{';
        for (const auto& member : members) {
            if (is_dropped(path, member.key)) continue;
            name(is_first, member.key);
            value(member.value, path + "/" + std::string(member.key));
        }
        if (path == "/process") {
            name(is_first, "terminal");
            out_ += edit_.has_terminal ? "true" : "false";
            name(is_first, "args");
            out_ += '[';
            for (std::size_t i = 0; i < edit_.args.size(); ++i) {
                if (i > 0) out_ += ',';
                append_string(out_, edit_.args[i]);
            }
            out_ += ']';
        }
        if (path == "/root") {
            name(is_first, "path");
            append_string(out_, edit_.rootfs);
        }
        out_ += '}';
    }

    const ConfigEdit& edit_;
    std::string out_;
};

std::string config_path(const std::string& config) {
    if (config == "default" || config == "docker")
        return std::string(URC_BENCH_CONFIG) + "/" + config + ".json";
    return config;
}

Result<void> copy_program(const std::string& from, const std::string& to) {
    URC_TRY(const Fd source, open_at(AT_FDCWD, from.c_str(), O_RDONLY));
    URC_TRY(const std::string bytes, read_all(source.get(), 64 << 20, from));
    URC_TRY(const Fd target, open_at(AT_FDCWD, to.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0755));
    return write_all(target.get(), bytes, to);
}

Result<void> make_rootfs(const std::string& rootfs, const BundleOptions& options) {
    for (const char* name : {"", "/bin", "/proc", "/sys", "/dev", "/etc", "/tmp", "/root"}) {
        const std::string path = rootfs + name;
        if (::mkdir(path.c_str(), 0755) < 0) return Error::last("mkdir", path);
    }
    URC_TRY_VOID(copy_program("/bin/busybox", rootfs + "/bin/busybox"));
    URC_TRY_VOID(copy_program(options.stamp, rootfs + "/bin/stamp"));
    for (const std::string& program : options.programs) {
        URC_TRY_VOID(copy_program(program, rootfs + "/bin" + program.substr(program.rfind('/'))));
    }
    const std::string shell = rootfs + "/bin/sh";
    if (::symlink("busybox", shell.c_str()) < 0) return Error::last("symlink", shell);
    return {};
}

Result<void> write_new_file(const std::string& path, std::string_view bytes) {
    URC_TRY(const Fd fd, open_at(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644));
    return write_all(fd.get(), bytes, path);
}

}  // namespace

Result<TempDirectory> TempDirectory::create() {
    const char* base = ::getenv("TMPDIR");
    return create_in(base != nullptr && *base != '\0' ? base : "/tmp");
}

Result<TempDirectory> TempDirectory::create_in(std::string_view base) {
    TempDirectory directory;
    directory.path_ = std::string(base) + "/urc-bench-XXXXXX";
    if (::mkdtemp(directory.path_.data()) == nullptr) {
        Error error = Error::last("mkdtemp", directory.path_);
        directory.path_.clear();
        return error;
    }
    return directory;
}

TempDirectory::~TempDirectory() {
    if (path_.empty()) return;
    std::error_code ignored;  // a busy mount below it is the only reason to fail, and there is nobody to tell
    std::filesystem::remove_all(path_, ignored);
}

Result<std::string> edit_config(std::string_view json, const ConfigEdit& edit) {
    simdjson::dom::parser parser;
    element root;
    if (const auto error = parser.parse(simdjson::padded_string(json)).get(root); error != simdjson::SUCCESS)
        return Error::message(std::string("config: ") + simdjson::error_message(error));
    if (!root.is_object()) return Error::message("config: not an object");
    return Editor(edit).print(root);
}

bool has_resource(std::string_view json, std::string_view key) {
    simdjson::dom::parser parser;
    element found;
    return parser.parse(simdjson::padded_string(json))
               .at_pointer("/linux/resources/" + std::string(key))
               .get(found) == simdjson::SUCCESS;
}

Result<Bundle> make_bundle(const BundleOptions& options) {
    URC_TRY(TempDirectory directory, TempDirectory::create());
    URC_TRY(TempDirectory state, TempDirectory::create_in("/dev/shm"));
    Bundle bundle{.directory = std::move(directory),
                  .state = std::move(state),
                  .path = {},
                  .rootfs = {},
                  .filter_path = {},
                  .dropped_resources = {}};
    bundle.path = bundle.directory.path() + "/bundle";
    bundle.rootfs = bundle.path + "/rootfs";
    if (::mkdir(bundle.path.c_str(), 0755) < 0) return Error::last("mkdir", bundle.path);
    URC_TRY_VOID(make_rootfs(bundle.rootfs, options));

    const std::string source = config_path(options.config);
    URC_TRY(const std::string original, read_file_at(AT_FDCWD, source.c_str(), 16 << 20));
    for (const std::string& key : options.unusable_resources)
        if (has_resource(original, key)) bundle.dropped_resources.push_back(key);
    ConfigEdit edit;
    edit.args = options.args;
    edit.rootfs = bundle.rootfs;
    edit.dropped_resources = bundle.dropped_resources;
    edit.has_terminal = options.has_terminal;
    URC_TRY(const std::string config, edit_config(original, edit));
    URC_TRY_VOID(write_new_file(bundle.path + "/config.json", config));

    URC_TRY(const std::string filter, seccomp_filter(config));
    if (!filter.empty()) {
        bundle.filter_path = bundle.directory.path() + "/filter.bpf";
        URC_TRY_VOID(write_new_file(bundle.filter_path, filter));
    }
    return bundle;
}

Result<void> make_sibling(const Bundle& bundle, const std::string& path, const std::string& config,
                          ConfigEdit edit) {
    edit.rootfs = bundle.rootfs;
    edit.dropped_resources = bundle.dropped_resources;
    URC_TRY(const std::string original, read_file_at(AT_FDCWD, config_path(config).c_str(), 16 << 20));
    URC_TRY(const std::string edited, edit_config(original, edit));
    if (::mkdir(path.c_str(), 0755) < 0) return Error::last("mkdir", path);
    return write_new_file(path + "/config.json", edited);
}

}  // namespace urc::bench
