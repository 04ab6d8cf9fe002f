// SinkOptions: where the output of a container goes, as `--log-driver` and `--log-opt` say it. A container
// has one sink or several; each takes both streams or one of them.
//
//   --log-driver k8s-file --log-opt path=/var/log/c1.log --log-opt max-size=10m
//   --log-driver raw-file,path=/tmp/out,stream=stdout --log-driver raw-file,path=/tmp/err,stream=stderr
//   --log-driver k8s-file --log-driver fifo,path=/run/c1.fifo,policy=drop --log-opt max-files=3
//
// What stands behind the driver's name is for that sink alone; a --log-opt is for every sink whose driver
// knows the key and has not got it that way. A key that no sink knows is refused by name.
//
//   driver      what a record is                                                  its keys
//   none        nothing is relayed: the container has the caller's descriptors    none; alone
//   null        discarded
//   raw-file    the bytes as they come                                            path, max-size, max-files
//   k8s-file    CRI: `2006-01-02T15:04:05.000000000+00:00 stdout F text`          path, max-size, max-files
//   json-file   docker: {"log":"text\n","stream":"stdout","time":"...Z"}          path, max-size, max-files
//   journald    systemd's native protocol: MESSAGE, PRIORITY 6 and 3, the         tag, socket (tests)
//               CONTAINER_ fields of docker and podman, SYSLOG_IDENTIFIER
//   fd          the bytes as they come, to an inherited descriptor                fd
//   fifo        the bytes as they come, to a fifo whose reader may come and go    path
//
//   all but none: stream=stdout|stderr|both, policy=block|drop|spill, buffer=SIZE,
//                 spill-size=SIZE, spill-dir=DIR
//
// A record holds at most kRecordSizeMax bytes of payload; a longer line is cut into partial ones (P), and
// output that ends without a newline is closed by one that is not partial (F). A file that would become
// larger than max-size is rotated between two records; with max-files=1, the default, it is emptied, as
// docker does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "uring/result.h"

namespace urc::relay {

inline constexpr std::size_t kRecordSizeMax = 16 << 10;

enum class Stream : std::uint8_t { out = 1, err = 2 };
std::string_view stream_word(Stream stream);  // "stdout", "stderr"

enum class Driver : std::uint8_t { none, null, raw_file, k8s_file, json_file, journald, fd, fifo };
std::string_view driver_word(Driver driver);

// What happens to output when the sink does not take it: the container waits; it is dropped, and a notice in
// the log says how much; or it is kept in an unlinked file of at most spill_size bytes, and the container
// waits when that is full.
enum class Policy : std::uint8_t { block, drop, spill };
std::string_view policy_word(Policy policy);

struct SinkOptions {
    Driver driver = Driver::null;
    std::string path;            // absolute
    std::uint64_t size_max = 0;  // bytes of one file before it is rotated; 0: never
    unsigned files_max = 1;      // together with the rotated ones: FILE, FILE.1 (newest), FILE.2 ...
    bool takes_out = true, takes_err = true;
    Policy policy = Policy::block;
    std::uint64_t spill_size = 64 << 20;   // bytes
    std::string spill_directory;           // empty: beside `path`, or /var/tmp
    std::uint32_t buffer_size = 64 << 10;  // bytes kept in memory for a sink that does not take them
    int fd = -1;                           // `fd`: its number
    std::string tag;                       // `journald`: SYSLOG_IDENTIFIER; empty: the container's id
    std::string socket;                    // `journald`: another than /run/systemd/journal/socket

    bool takes(Stream stream) const { return stream == Stream::out ? takes_out : takes_err; }
    bool operator==(const SinkOptions&) const = default;
};

// `drivers` and `options` as they were typed; `default_path`: for the files of a sink without `path`, its
// name gets the driver's word as extension when there is more than one of those. Relative paths begin at the
// working directory. Sizes take suffixes (10m, 1g, 64k; powers of 1024), -1 is unlimited. An Error is one
// line that names the word that is wrong: `--log-opt: max-size: "10x": not a size`. No drivers and no
// options, or the driver `none`: no sinks.
Result<std::vector<SinkOptions>> parse_sinks(const std::vector<std::string>& drivers,
                                             const std::vector<std::string>& options,
                                             const std::string& default_path);

// The descriptors that `fd` drivers among them name, as far as they can be read: parse_sinks says what is
// wrong.
std::vector<int> sink_descriptors(const std::vector<std::string>& drivers,
                                  const std::vector<std::string>& options);

}  // namespace urc::relay
