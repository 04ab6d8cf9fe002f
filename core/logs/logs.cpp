// logs: what a container has written, read back from the first of its sinks that keeps it.
#include "core/lifecycle/find.h"
#include "core/logs/file_log.h"
#include "core/logs/journal_log.h"
#include "core/monitor/client.h"

namespace urc {
namespace {

using relay::Driver;
using relay::SinkOptions;
using relay::Stream;

bool keeps_output(Driver driver) {
    return driver == Driver::k8s_file || driver == Driver::json_file || driver == Driver::raw_file ||
           driver == Driver::journald;
}

// Two raw files may have a stream each: the first that has something to say.
Result<SinkOptions> choose_sink(const State& state, const LogsOptions& options) {
    bool is_kept = false;
    for (const SinkOptions& sink : state.sinks) {
        if (!keeps_output(sink.driver)) continue;
        is_kept = true;
        if ((sink.takes_out && options.wants_out) || (sink.takes_err && options.wants_err)) return sink;
    }
    if (is_kept) return Error::message("that stream of the container's output is not kept", ENOENT);
    return Error::message("the container's output is not kept: no --log-driver that can be read back",
                          ENOENT);
}

// A raw file is what was written, and nothing about it.
Result<void> check_raw(const SinkOptions& sink, const LogsOptions& options) {
    if (options.since || options.until || options.has_timestamps)
        return Error::message("raw-file keeps no times: neither --since nor --until nor --timestamps");
    const bool has_both = sink.takes_out && sink.takes_err;
    if (has_both && options.wants_out != options.wants_err)
        return Error::message("raw-file keeps both streams as one: neither --stdout nor --stderr");
    return {};
}

logs::FileLog file_log(const SinkOptions& sink, const State& state) {
    logs::FileLog log;
    log.path = sink.path;
    log.format = sink.driver == Driver::k8s_file    ? logs::Format::k8s
                 : sink.driver == Driver::json_file ? logs::Format::json
                                                    : logs::Format::raw;
    log.raw_stream = sink.takes_out ? Stream::out : Stream::err;
    log.is_live = is_alive(state.monitor);
    return log;
}

}  // namespace

Result<void> read_logs(const Global& global, std::string_view id, const LogsOptions& options,
                       const LogSink& sink) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY(const State state, load_container(dir));
    URC_TRY(const SinkOptions chosen, choose_sink(state, options));
    if (chosen.driver == Driver::raw_file) URC_TRY_VOID(check_raw(chosen, options));
    std::optional<logs::Watch> watch;
    if (options.follow) {
        URC_TRY(watch,
                logs::Watch::open(dir, state, {.until = options.until, .output_fd = options.output_fd}));
    }
    logs::Watch* followed = watch ? &*watch : nullptr;
    if (chosen.driver == Driver::journald)
        return logs::read_journal_log(dir.id(), options, global.log, sink, followed);
    return logs::read_file_log(file_log(chosen, state), options, global.log, sink, followed);
}

Result<void> rotate_logs(const Global& global, std::string_view id) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(StateDir dir, store.find(id));
    URC_TRY_VOID(load_container(dir));
    URC_TRY(Fd connection, monitor::connect_monitor(dir));
    return monitor::ask_monitor(connection.get(), monitor::Kind::rotate);
}

}  // namespace urc
