// For the tests of the relay: a directory of their own, files whose clock stands still and whose disk can be
// full, and an Output on a ring.
#pragma once

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "core/relay/files.h"
#include "core/relay/output.h"
#include "tests/uring/loop_fixture.h"
#include "uring/deadline.h"
#include "uring/file.h"
#include "uring/nursery.h"
#include "uring/ops_file.h"
#include "uring/race.h"

namespace urc::relay {

using namespace std::chrono_literals;

inline constexpr const char* kTime = "2026-01-02T03:04:05.000000006";
inline constexpr WallTime kWallTime = std::chrono::seconds(1767323045) + std::chrono::nanoseconds(6);

// A disk with moods: each write asks for the next one.
class MoodyFiles final : public Files {
public:
    struct Mood {
        std::size_t size_max;  // of this write
        int error;             // instead of the write
    };
    std::deque<Mood> moods;
    int open_error = 0;
    int rename_error = 0;
    int read_error = 0;
    std::size_t read_max = SIZE_MAX;  // of one read
    std::deque<int> send_errors;
    std::size_t writes = 0, refused = 0;

    Result<Fd> open(const std::string& path, int flags, mode_t mode) override {
        if (open_error) return Error(open_error, "open", path);
        return Files::open(path, flags, mode);
    }
    ssize_t write(int fd, std::string_view bytes) override {
        ++writes;
        if (moods.empty()) return Files::write(fd, bytes);
        Mood mood = moods.front();
        moods.pop_front();
        if (mood.error) {
            ++refused;
            return -mood.error;
        }
        return Files::write(fd, bytes.substr(0, mood.size_max));
    }
    int rename(const std::string& from, const std::string& to) override {
        return rename_error ? rename_error : Files::rename(from, to);
    }
    ssize_t read_at(int fd, std::span<char> into, off_t offset) override {
        if (read_error) return -read_error;
        return Files::read_at(fd, into.first(std::min(into.size(), read_max)), offset);
    }
    ssize_t send(int socket, std::string_view packet) override {
        if (send_errors.empty()) return Files::send(socket, packet);
        const int error = send_errors.front();
        send_errors.pop_front();
        return -error;
    }
    WallTime now() override { return kWallTime; }
};

class Directory {
public:
    Directory() {
        // Memory, where there is some: these tests make thousands of files.
        std::string name = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        name += "/urc-relay-XXXXXX";
        path_ = ::mkdtemp(name.data()) ? name : "";
    }
    ~Directory() {
        for (const std::string& name : names()) ::unlink((path_ + '/' + name).c_str());
        ::rmdir(path_.c_str());
    }
    std::string path(std::string_view name) const { return path_ + '/' + std::string(name); }
    std::string text(std::string_view name) const {
        auto text = read_file_at(AT_FDCWD, path(name).c_str(), 1U << 30);
        return text.ok() ? *text : "";
    }
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        DIR* directory = ::opendir(path_.c_str());
        while (dirent* entry = directory ? ::readdir(directory) : nullptr)
            if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
        if (directory) ::closedir(directory);
        std::sort(names.begin(), names.end());
        return names;
    }

private:
    std::string path_;
};

inline SinkOptions file_sink(Driver driver, std::string path) {
    SinkOptions options;
    options.driver = driver;
    options.path = std::move(path);
    return options;
}

// `count` lines, all different.
inline std::string numbered_lines(std::size_t count, std::size_t from = 0) {
    std::string text;
    for (std::size_t i = from; i < from + count; ++i)
        text += "line " + std::to_string(i) + std::string(i % 60, '.') + '\n';
    return text;
}

// What records in k8s-file's format say, of one stream.
inline std::string k8s_text(std::string_view records, std::string_view stream = "stdout") {
    std::string text;
    while (!records.empty()) {
        std::string_view record = records.substr(0, records.find('\n'));
        records.remove_prefix(std::min(records.size(), record.size() + 1));
        constexpr std::size_t kFixed = 45;  // up to the text
        if (record.size() < kFixed) return text + "[cut: " + std::string(record) + ']';
        if (record.substr(36, 6) != stream) continue;
        text += record.substr(kFixed);
        if (record[43] == 'F') text += '\n';
    }
    return text;
}

class RelayTest : public LoopTest {
protected:
    void TearDown() override {
        output_.reset();
        LoopTest::TearDown();
    }

    Output& open(std::vector<SinkOptions> sinks, Files* files = nullptr) {
        OutputOptions options;
        options.id = "c1";
        options.sinks = std::move(sinks);
        options.files = files ? files : &files_;
        options.log = &log_;
        auto output = Output::open(loop(), std::move(options));
        EXPECT_TRUE(output.ok()) << (output.ok() ? "" : output.error().text());
        output_ = std::move(*output);
        return *output_;
    }

    Directory directory_;
    MoodyFiles files_;
    Log log_;
    std::unique_ptr<Output> output_;
};

// Writes all of it, then closes.
inline Task<void> say(Loop& loop, Fd fd, std::string text) {
    co_await write(loop, fd.get(), text);
}

// Relays what `text` says on stdout, to its end, and finishes.
inline Task<void> relay_text(Loop& loop, Output& output, std::string text) {
    auto [from, to] = make_pipe();
    Nursery nursery(loop);
    nursery.spawn(output.relay(from.get(), Stream::out));
    nursery.spawn(say(loop, std::move(to), std::move(text)));
    co_await nursery.join();
    co_await output.finish(10s);
}

}  // namespace urc::relay
