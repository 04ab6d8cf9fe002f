#include "uring/epoll_request.h"

#include <utility>

namespace urc {

EpollRequest& RequestPool::take() {
    if (!free_) return all_.emplace_back();
    EpollRequest& request = *free_;
    free_ = std::exchange(request.linked, nullptr);
    request.has_deadline = false;
    request.is_connecting = false;
    return request;
}

void RequestPool::give_back(EpollRequest& request) noexcept {
    request.linked = std::exchange(free_, &request);
}

std::size_t WaitingRequests::place(std::uint64_t user_data) const noexcept {
    // An address: its low bits say little, so the product's high ones are used.
    return (user_data * 0x9e3779b97f4a7c15ULL >> 32) & (table_.size() - 1);
}

void WaitingRequests::add(EpollRequest& request) {
    if (request.is_waiting) return;
    if (count_ == table_.size()) grow();
    EpollRequest*& first = table_[place(request.sqe.user_data)];
    request.neighbour = std::exchange(first, &request);
    request.is_waiting = true;
    ++count_;
}

void WaitingRequests::grow() {
    std::vector<EpollRequest*> old(table_.size() * 2);
    old.swap(table_);
    for (EpollRequest* request : old) {
        while (request) {
            EpollRequest* next = request->neighbour;
            request->neighbour = std::exchange(table_[place(request->sqe.user_data)], request);
            request = next;
        }
    }
}

void WaitingRequests::remove(EpollRequest& request) noexcept {
    if (!request.is_waiting) return;
    EpollRequest** link = &table_[place(request.sqe.user_data)];
    while (*link != &request) link = &(*link)->neighbour;
    *link = request.neighbour;
    request.is_waiting = false;
    --count_;
}

EpollRequest* WaitingRequests::find(std::uint64_t user_data) const noexcept {
    EpollRequest* request = table_[place(user_data)];
    while (request && request->sqe.user_data != user_data) request = request->neighbour;
    return request;
}

}  // namespace urc
