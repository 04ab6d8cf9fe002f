#include "core/ports/rootlesskit/http.h"

#include <gtest/gtest.h>

namespace urc::ports::rootlesskit {
namespace {

using State = HttpReader::State;

std::string problem_of(std::string_view text) {
    HttpReader reader;
    EXPECT_EQ(reader.feed(text), State::bad) << text;
    return std::string(reader.problem());
}

HttpRequest request_of(std::string_view text) {
    HttpReader reader;
    EXPECT_EQ(reader.feed(text), State::complete) << text << reader.problem();
    return reader.request();
}

TEST(Http, ARequestIsReadByteByByte) {
    constexpr std::string_view kText =
        "POST /v1/ports?x=1 HTTP/1.1\r\nHost: rootlesskit\r\nContent-Length: 2\r\n\r\n{}";
    HttpReader reader;
    for (std::size_t i = 0; i < kText.size(); ++i) {
        EXPECT_EQ(reader.state(), State::reads) << i;
        EXPECT_EQ(reader.has_begun(), i > 0);
        reader.feed(kText.substr(i, 1));
    }
    ASSERT_EQ(reader.state(), State::complete);
    EXPECT_EQ(reader.request().method, "POST");
    EXPECT_EQ(reader.request().path, "/v1/ports");
    EXPECT_EQ(reader.request().body, "{}");
    EXPECT_TRUE(reader.request().keeps_alive);
}

TEST(Http, ChunksAreJoined) {
    const HttpRequest request = request_of(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
    EXPECT_EQ(request.body, "abc0123456789");
}

TEST(Http, RequestsFollowEachOther) {
    HttpReader reader;
    reader.feed("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\nhost:y\nConnection: Close\n\n\r\nGET /c");
    EXPECT_EQ(reader.request().path, "/a");
    ASSERT_EQ(reader.next(), State::complete);
    EXPECT_EQ(reader.request().path, "/b");
    EXPECT_FALSE(reader.request().keeps_alive);
    EXPECT_EQ(reader.next(), State::reads);
    EXPECT_TRUE(reader.has_begun());
}

TEST(Http, AnOldClientIsClosedUnlessItAsksOtherwise) {
    EXPECT_FALSE(request_of("GET / HTTP/1.0\r\n\r\n").keeps_alive);
    EXPECT_TRUE(request_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keeps_alive);
}

TEST(Http, TheHostMayStandInFrontOfThePath) {
    EXPECT_EQ(request_of("GET http://rootlesskit/v1/info HTTP/1.1\r\nHost: x\r\n\r\n").path, "/v1/info");
    EXPECT_EQ(request_of("GET http://rootlesskit HTTP/1.1\r\nHost: x\r\n\r\n").path, "/");
}

TEST(Http, LeaveToSendTheBodyIsGivenOnce) {
    HttpReader reader;
    reader.feed("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    EXPECT_TRUE(reader.take_expectation());
    EXPECT_FALSE(reader.take_expectation());
    EXPECT_EQ(reader.feed("{}"), State::complete);
}

TEST(Http, WhatIsNoRequestIsRefused) {
    for (const char* text :
         {"GARBAGE\r\n", "GET /\r\n", "GET / HTTP/1.1 \r\n", "G(T / HTTP/1.1\r\n", "GET / HTTPS/11\r\n",
          "GET v1/ports HTTP/1.1\r\n", "GET /\x01 HTTP/1.1\r\n", "GET / HTTP/1.1\r\nno colon\r\n",
          "GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n", "GET / HTTP/1.1\r\nHost : x\r\n",
          "GET / HTTP/1.1\r\nHost: x\x07\r\n", "GET / HTTP/1.1\r\nContent-Length: +2\r\n",
          "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n",
          "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"})
        EXPECT_EQ(problem_of(text), "400 Bad Request");
    EXPECT_EQ(problem_of("GET / HTTP/1.1\r\n\r\n"), "400 Bad Request: missing required Host header");
    EXPECT_EQ(problem_of("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n"),
              "400 Bad Request: too many Host headers");
    EXPECT_EQ(problem_of("GET / HTTP/2.7\r\n"),
              "505 HTTP Version Not Supported: unsupported protocol version");
    EXPECT_EQ(problem_of("GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n"),
              "501 Not Implemented: Unsupported transfer encoding");
}

TEST(Http, EverythingIsBounded) {
    const std::string start = "POST / HTTP/1.1\r\nHost: x\r\n";
    EXPECT_EQ(problem_of(std::string(HttpReader::kHeadMax + 1, 'G')), "431 Request Header Fields Too Large");
    std::string many = start;
    while (many.size() <= HttpReader::kHeadMax) many += "X: y\r\n";
    EXPECT_EQ(problem_of(many), "431 Request Header Fields Too Large");
    EXPECT_EQ(problem_of(start + "Content-Length: 65537\r\n\r\n"), "413 Request Entity Too Large");
    std::string chunks = start + "Transfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 4; ++i) chunks += "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
    EXPECT_EQ(problem_of(chunks + "1\r\n"), "413 Request Entity Too Large");
    EXPECT_EQ(request_of(chunks + "0\r\n\r\n").body.size(), HttpReader::kBodyMax);
    EXPECT_EQ(problem_of(start + "Transfer-Encoding: chunked\r\n\r\n0\r\n" +
                         std::string(HttpReader::kHeadMax + 1, 't')),
              "431 Request Header Fields Too Large");
}

TEST(Http, AnAnswerSaysItsLengthAndWhatFollows) {
    HttpRequest request;
    request.method = "GET";
    HttpResponse response;
    response.content_type = "application/json";
    response.body = "null";
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Sat, 28 Nov 2026 02:27:42 GMT\r\n"
        "Content-Length: 4\r\n";
    constexpr std::time_t kTime = 1795832862;
    EXPECT_EQ(response_text(response, request, kTime), head + "\r\nnull");
    request.keeps_alive = false;
    EXPECT_EQ(response_text(response, request, kTime), head + "Connection: close\r\n\r\nnull");
    request.method = "HEAD";
    EXPECT_EQ(response_text(response, request, kTime), head + "Connection: close\r\n\r\n");
}

TEST(Http, ABadRequestIsAnsweredInPlainText) {
    EXPECT_EQ(
        problem_text("400 Bad Request"),
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        "400 Bad Request");
}

}  // namespace
}  // namespace urc::ports::rootlesskit
