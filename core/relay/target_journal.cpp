// journald: one datagram a record, to its native socket. It does not wait for a journal that is slow, nor end
// with one that is restarted: connected anew for the next record.
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "core/relay/target.h"
#include "uring/file.h"
#include "uring/message.h"

namespace urc::relay {
namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";

class JournalTarget final : public Target {
public:
    JournalTarget(Files& files, const SinkOptions& options)
        : files_(files), path_(options.socket.empty() ? kSocket : options.socket) {}

    Result<void> connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path_.size() >= sizeof address.sun_path) return Error(ENAMETOOLONG, "connect", path_);
        std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
        Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!socket) return Error::last("socket");
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
            return Error::last("connect", path_);
        socket_ = std::move(socket);
        return {};
    }

    Put put(std::string_view record) override {
        int error = socket_ ? send(record) : ENOTCONN;
        // The journal that we were connected to is gone; another one may be there already.
        if (error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET || error == EPIPE) {
            socket_.reset();
            auto connected = connect();
            error = connected.ok() ? send(record) : connected.error().code();
        }
        if (error == 0) return {record.size(), 0, false};
        // No memory for it in the kernel: as good as a queue that is full, but poll would not wait.
        is_pollable_ = error == EAGAIN;
        return {0, error, false};
    }

    int wait_fd() const override { return is_pollable_ ? socket_.get() : -1; }
    bool takes_packets() const override { return true; }

private:
    int send(std::string_view record) const {
        ssize_t count;
        do {
            count = files_.send(socket_.get(), record);
        } while (count == -EINTR);
        if (count >= 0) return 0;
        // More than the socket's buffer can hold: the same as a file, which must not change any more.
        return count == -EMSGSIZE ? send_sealed(record) : static_cast<int>(-count);
    }

    int send_sealed(std::string_view record) const {
        Fd file(::memfd_create("urc-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!file) return errno;
        if (auto written = write_all(file.get(), record, "memfd"); !written.ok())
            return written.error().code();
        if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
            return errno;
        OutMessage message({});
        if (!message.add_fd(file.get())) return EINVAL;
        ssize_t count;
        do {
            count = ::sendmsg(socket_.get(), &message.header(), MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (count < 0 && errno == EINTR);
        return count < 0 ? errno : 0;
    }

    Files& files_;
    std::string path_;
    Fd socket_;
    bool is_pollable_ = false;
};

class NullTarget final : public Target {
public:
    Put put(std::string_view bytes) override { return {bytes.size(), 0, false}; }
};

}  // namespace

Result<std::unique_ptr<Target>> open_journal(Files& files, const SinkOptions& options) {
    auto target = std::make_unique<JournalTarget>(files, options);
    URC_TRY_VOID(target->connect());
    return std::unique_ptr<Target>(std::move(target));
}

Result<std::unique_ptr<Target>> open_target(Files& files, const SinkOptions& options) {
    switch (options.driver) {
        case Driver::raw_file:
        case Driver::k8s_file:
        case Driver::json_file:
            return open_file(files, options);
        case Driver::journald:
            return open_journal(files, options);
        case Driver::fd:
            return open_inherited(options);
        case Driver::fifo:
            return open_fifo(options);
        case Driver::none:
        case Driver::null:
            break;
    }
    return std::unique_ptr<Target>(std::make_unique<NullTarget>());
}

}  // namespace urc::relay
