#include "core/monitor/publication.h"

#include <fcntl.h>

#include "core/process/limits.h"
#include "uring/deadline.h"
#include "uring/race.h"

namespace urc::monitor {

struct Publication::Means {
    ports::Descriptors descriptors = ports::Descriptors::by_limit();
    ports::CopyShared copy{ports::kernel_calls(), descriptors};
};

Publication::Publication(Loop& loop, const Log& log) noexcept : loop_(loop), log_(log), wanted_(loop) {}
Publication::~Publication() = default;

void Publication::take(Fd network_namespace, OpenNetwork open_network) {
    network_namespace_ = std::move(network_namespace);
    open_network_ = std::move(open_network);
}

Task<void> Publication::serve() {
    is_opening_ = !bound_.empty();
    while (!is_finished_) {
        if (!is_opening_) {
            co_await wanted_.wait();
            is_opening_ = true;
            continue;
        }
        error_.reset();
        auto ended = co_await settled(publish());
        is_opening_ = false;
        error_ = ended.ok() ? Error(ECANCELED, "publish") : ended.error();
        waiters_.call_all();
        // What has failed is tried again for the next one who wants it.
        if (!ended.ok() && ended.error().code() == ECANCELED) co_await fail(ended.error());
    }
    waiters_.call_all();
}

Task<void> Publication::publish() {
    if (!network_namespace_) {
        network_namespace_ = co_await open_network_();
    }
    if (!means_) {
        process::raise_descriptor_limit();
        means_ = std::make_unique<Means>();
    }
    Fd network_namespace(::fcntl(network_namespace_.get(), F_DUPFD_CLOEXEC, 0));
    if (!network_namespace) co_await fail(Error::last("fcntl", "network namespace"));
    Nursery nursery(loop_);
    ports::PublisherOptions options;
    options.log = &log_;
    ports::Publisher publisher(loop_, nursery, std::move(network_namespace), means_->descriptors,
                               means_->copy, std::move(options));
    co_await publisher.start();
    for (ports::BoundPort& port : bound_) co_await publisher.add(std::move(port));
    bound_.clear();
    publisher_ = &publisher;
    nursery_ = &nursery;
    waiters_.call_all();
    auto joined = co_await settled(nursery.join());
    publisher_ = nullptr;
    nursery_ = nullptr;
    co_await std::move(joined);
}

Task<void> Publication::until_published() {
    if (!publisher_ && !is_finished_) {
        if (!is_opening_) wanted_.set();
        ports::Waiters::Place place(loop_, waiters_);
        co_await place.called();
    }
    // It stays for a while with what is on its way; nothing is added any more.
    if (is_finished_) co_await fail(Error::message("publish: the container has ended", ESRCH));
    if (!publisher_) co_await fail(*error_);
}

Task<void> Publication::until_open() {
    if (!bound_.empty()) co_await until_published();
}

Task<ports::Spec> Publication::add(ports::Spec spec) {
    co_await until_published();
    co_return co_await publisher_->add(std::move(spec));
}

Task<void> Publication::remove(ports::Spec spec) {
    if (!publisher_) co_await fail(Error(ENOENT, "publish", spec_text(spec)));
    co_await publisher_->remove(std::move(spec));
}

std::vector<ports::Publisher::Entry> Publication::list() const {
    return publisher_ ? publisher_->list() : std::vector<ports::Publisher::Entry>();
}

Task<void> Publication::finish() {
    is_finished_ = true;
    wanted_.set();
    const auto entries = list();
    // One that has failed by itself meanwhile is closed as well.
    for (const auto& entry : entries) {
        if (publisher_) (void)co_await settled(publisher_->remove(entry.spec));
    }
    if (publisher_) (void)co_await settled(within(loop_, kFinishBound, publisher_->until_empty()));
    if (nursery_) nursery_->cancel();
}

}  // namespace urc::monitor
