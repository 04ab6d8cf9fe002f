#include "core/systemd/bus.h"

#include <cstdlib>
#include <cstring>
#include <ctime>

#include "core/number.h"
#include "core/systemd/sd_bus.h"

namespace urc::systemd {

namespace {

constexpr char kService[] = "org.freedesktop.systemd1";
constexpr char kPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnitExists[] = "org.freedesktop.systemd1.UnitExists";
constexpr char kNoSuchUnit[] = "org.freedesktop.systemd1.NoSuchUnit";
constexpr std::uint64_t kTimeoutUs = 30'000'000;

std::uint64_t monotonic_us() {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

// A path as part of a D-Bus address: everything unusual as %XX.
std::string escape(std::string_view path) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.*";
    constexpr char kHex[] = "0123456789abcdef";
    std::string escaped;
    for (char c : path) {
        auto byte = static_cast<unsigned char>(c);
        if (kPlain.find(c) != std::string_view::npos)
            escaped += c;
        else
            (escaped += '%') += {kHex[byte >> 4], kHex[byte & 15]};
    }
    return escaped;
}

int append_basic(const SdBus& library, sd_bus_message* message, char type, const Value& value) {
    if (auto* text = std::get_if<std::string>(&value))
        return library.sd_bus_message_append_basic(message, type, text->c_str());
    if (auto* real = std::get_if<double>(&value))
        return library.sd_bus_message_append_basic(message, type, real);
    std::uint64_t wide = std::holds_alternative<bool>(value) ? std::get<bool>(value)
                         : std::holds_alternative<std::int64_t>(value)
                             ? static_cast<std::uint64_t>(std::get<std::int64_t>(value))
                             : std::get<std::uint64_t>(value);
    // Each type has its own width (sd_bus_message_append_basic(3)).
    auto half = static_cast<std::uint32_t>(wide);
    auto quarter = static_cast<std::uint16_t>(wide);
    auto byte = static_cast<std::uint8_t>(wide);
    const void* pointer = type == 'x' || type == 't'   ? static_cast<const void*>(&wide)
                          : type == 'n' || type == 'q' ? static_cast<const void*>(&quarter)
                          : type == 'y'                ? static_cast<const void*>(&byte)
                                                       : static_cast<const void*>(&half);
    return library.sd_bus_message_append_basic(message, type, pointer);
}

}  // namespace

// The jobs that systemd has told to be over.
struct Bus::Jobs {
    const SdBus* library;
    std::vector<std::pair<std::string, std::string>> removed;  // path, result

    static int on_removed(sd_bus_message* message, void* self, sd_bus_error*) {
        auto& jobs = *static_cast<Jobs*>(self);
        std::uint32_t number = 0;
        const char *path = nullptr, *unit = nullptr, *result = nullptr;
        bool is_read = jobs.library->sd_bus_message_read_basic(message, 'u', &number) > 0 &&
                       jobs.library->sd_bus_message_read_basic(message, 'o', &path) > 0 &&
                       jobs.library->sd_bus_message_read_basic(message, 's', &unit) > 0 &&
                       jobs.library->sd_bus_message_read_basic(message, 's', &result) > 0;
        if (is_read) jobs.removed.emplace_back(path, result);
        return 0;
    }
};

// One method call: what is appended in between, then call(). The first failure is the one that counts.
class Bus::Message {
public:
    Message(Bus& bus, const char* member) : bus_(bus), library_(*bus.library_) {
        note(library_.sd_bus_message_new_method_call(bus.bus_.get(), &call_, kService, kPath, kManager,
                                                     member));
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
    ~Message() {
        library_.sd_bus_message_unref(call_);
        library_.sd_bus_message_unref(reply_);
        library_.sd_bus_error_free(&error_);
    }

    Message& text(std::string_view text) { return basic('s', std::string(text)); }
    Message& boolean(bool value) { return basic('b', value); }
    Message& open(char type, const char* contents) {
        if (code_ >= 0) note(library_.sd_bus_message_open_container(call_, type, contents));
        return *this;
    }
    Message& close() {
        if (code_ >= 0) note(library_.sd_bus_message_close_container(call_));
        return *this;
    }

    Message& properties(const Properties& all) {
        open('a', "(sv)");
        for (const Property& property : all) {
            open('r', "sv").text(property.name).open('v', property.signature.c_str());
            value(property);
            close().close();
        }
        return close();
    }

    // The reply's object path, or "" when it has none. `what` is for the Error, which has systemd's words.
    Result<std::string> call(std::string_view what) {
        if (code_ >= 0) note(library_.sd_bus_call(bus_.bus_.get(), call_, kTimeoutUs, &error_, &reply_));
        if (code_ < 0) {
            int code = is_error(kUnitExists) ? EEXIST : is_error(kNoSuchUnit) ? ENOENT : -code_;
            if (!error_.message) return Error(code, what);
            return Error::message(std::string(what) + ": " + error_.message, code);
        }
        const char* path = nullptr;
        return library_.sd_bus_message_read_basic(reply_, 'o', &path) > 0 ? std::string(path) : std::string();
    }

private:
    void note(int code) {
        if (code_ >= 0) code_ = code;
    }
    bool is_error(const char* name) const { return error_.name && std::strcmp(error_.name, name) == 0; }

    Message& basic(char type, const Value& value) {
        if (code_ >= 0) note(append_basic(library_, call_, type, value));
        return *this;
    }

    void value(const Property& property) {
        const std::string& signature = property.signature;
        if (signature[0] != 'a') {
            basic(signature[0], property.values.at(0));
            return;
        }
        open('a', signature.c_str() + 1);
        bool has_pairs = signature.size() == 5;  // a(st)
        for (std::size_t i = 0; i < property.values.size(); i += has_pairs ? 2 : 1) {
            if (!has_pairs) {
                basic(signature[1], property.values[i]);
                continue;
            }
            open('r', signature.substr(2, 2).c_str());
            basic(signature[2], property.values[i]).basic(signature[3], property.values.at(i + 1));
            close();
        }
        close();
    }

    Bus& bus_;
    const SdBus& library_;
    sd_bus_message *call_ = nullptr, *reply_ = nullptr;
    sd_bus_error error_{};  // SD_BUS_ERROR_NULL is a literal of C
    int code_ = 0;
};

Bus::Bus(const SdBus& library, Instance instance)
    : library_(&library), instance_(instance), bus_(nullptr, Close{&library}) {}
Bus::Bus(Bus&&) noexcept = default;
Bus::~Bus() = default;

void Bus::Close::operator()(sd_bus* bus) const {
    library->sd_bus_flush_close_unref(bus);
}

Result<Bus> Bus::connect(Instance instance) {
    URC_TRY(const SdBus* library, sd_bus_functions());
    Bus bus(*library, instance);
    URC_TRY_VOID(bus.open());
    return bus;
}

Result<void> Bus::open() {
    if (instance_ == Instance::system) {
        const char* given = ::secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        auto opened = open_at(given ? given : "unix:path=/run/dbus/system_bus_socket", true);
        if (opened.ok() || open_at("unix:path=/run/systemd/private", false).ok()) return {};
        return std::move(opened).error().context("systemd cgroup manager: connect to the system bus");
    }
    const char* given = ::secure_getenv("DBUS_SESSION_BUS_ADDRESS");
    const char* runtime_directory = ::secure_getenv("XDG_RUNTIME_DIR");
    if (!given && !runtime_directory)
        return Error::message(
            "systemd cgroup manager: connect to the user bus: neither "
            "$DBUS_SESSION_BUS_ADDRESS nor $XDG_RUNTIME_DIR is set",
            ENOENT);
    std::string base = runtime_directory ? "unix:path=" + escape(runtime_directory) : "";
    auto opened = open_at(given ? given : base + "/bus", true);
    if (opened.ok() || (runtime_directory && open_at(base + "/systemd/private", false).ok())) return {};
    return std::move(opened).error().context("systemd cgroup manager: connect to the user bus");
}

Result<void> Bus::open_at(const std::string& address, bool is_message_bus) {
    sd_bus* bus = nullptr;
    int code = library_->sd_bus_new(&bus);
    bus_.reset(bus);
    is_message_bus_ = is_message_bus;
    if (code >= 0) code = library_->sd_bus_set_address(bus, address.c_str());
    if (code >= 0) code = library_->sd_bus_set_bus_client(bus, is_message_bus);
    if (code >= 0) code = library_->sd_bus_start(bus);
    if (code < 0) return Error(-code, address);
    return {};
}

Result<std::string> Bus::property(const char* member) {
    sd_bus_error error{};
    char* text = nullptr;
    int code =
        library_->sd_bus_get_property_string(bus_.get(), kService, kPath, kManager, member, &error, &text);
    std::string value = code >= 0 ? text : error.message ? error.message : "";
    library_->sd_bus_error_free(&error);
    std::free(text);  // NOLINT(*-no-malloc): sd-bus hands it over
    if (code >= 0) return value;
    std::string what = "systemd: property " + std::string(member);
    return value.empty() ? Error(-code, what) : Error::message(what + ": " + value, -code);
}

Result<std::string> Bus::control_group() {
    URC_TRY(std::string path, property("ControlGroup"));
    return path == "/" ? std::string() : path;
}

Result<unsigned> Bus::version() {
    URC_TRY(std::string text, property("Version"));
    std::size_t begin = text.find_first_of("0123456789");
    if (begin == std::string::npos) return 0U;
    std::size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
    return parse_number<unsigned>(std::string_view(text).substr(begin, end - begin)).value_or(0);
}

Result<void> Bus::watch_jobs() {
    if (jobs_) return {};
    jobs_ = std::make_unique<Jobs>(Jobs{library_, {}});
    // systemd itself, on its own socket, has no name.
    int code = library_->sd_bus_match_signal(bus_.get(), nullptr, is_message_bus_ ? kService : nullptr, kPath,
                                             kManager, "JobRemoved", &Jobs::on_removed, jobs_.get());
    return code < 0 ? Error(-code, "systemd: watch jobs") : Result<void>{};
}

Result<void> Bus::wait_for(const std::string& job, std::string_view what) {
    const std::uint64_t deadline = monotonic_us() + kTimeoutUs;
    for (;;) {
        for (const auto& [path, result] : jobs_->removed) {
            if (path != job) continue;
            if (result == "done") return {};
            return Error::message(std::string(what) + ": the job's result is \"" + result + "\"", EPROTO);
        }
        int code = library_->sd_bus_process(bus_.get(), nullptr);
        if (code > 0) continue;
        std::uint64_t now = monotonic_us();
        if (code == 0 && now >= deadline) code = -ETIMEDOUT;
        if (code == 0) code = library_->sd_bus_wait(bus_.get(), deadline - now);
        if (code < 0 && code != -EINTR) return Error(-code, what, "wait for the job");
    }
}

Result<void> Bus::start_once(const UnitName& name, const Properties& properties) {
    std::string what = "systemd: start " + name.scope;
    Message message(*this, "StartTransientUnit");
    message.text(name.scope).text("replace").properties(properties);
    message.open('a', "(sa(sv))").close();  // no other units along with it
    URC_TRY(std::string job, message.call(what));
    return wait_for(job, what);
}

Result<void> Bus::start_scope(const UnitName& name, Properties properties) {
    URC_TRY_VOID(watch_jobs());
    properties.push_back(systemd::property("Slice", std::string_view(name.slice)));
    auto started = start_once(name, properties);
    if (started.ok() || started.error().code() != EEXIST) return started;
    URC_TRY_VOID(reset_failed(name.scope));
    return start_once(name, properties);
}

Result<void> Bus::set_properties(std::string_view unit, const Properties& properties) {
    if (properties.empty()) return {};
    Message message(*this, "SetUnitProperties");
    message.text(unit).boolean(true).properties(properties);
    auto set = message.call("systemd: set properties of " + std::string(unit));
    return set.ok() ? Result<void>{} : std::move(set).error();
}

Result<void> Bus::stop(std::string_view unit) {
    URC_TRY_VOID(watch_jobs());
    std::string what = "systemd: stop " + std::string(unit);
    Message message(*this, "StopUnit");
    message.text(unit).text("replace");
    auto job = message.call(what);
    if (job.ok())
        URC_TRY_VOID(wait_for(*job, what));
    else if (job.error().code() != ENOENT)
        return std::move(job).error();
    return reset_failed(unit);
}

Result<void> Bus::reset_failed(std::string_view unit) {
    Message message(*this, "ResetFailedUnit");
    message.text(unit);
    auto reset = message.call("systemd: reset " + std::string(unit));
    if (reset.ok() || reset.error().code() == ENOENT) return {};
    return std::move(reset).error();
}

}  // namespace urc::systemd
