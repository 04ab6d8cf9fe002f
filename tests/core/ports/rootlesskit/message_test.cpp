#include "core/ports/rootlesskit/message.h"

#include <gtest/gtest.h>

#include <array>

namespace urc::ports::rootlesskit {
namespace {

Result<std::size_t> head_of(std::array<unsigned char, 4> bytes) {
    return read_frame_head(std::as_bytes(std::span(bytes)));
}

std::string refusal_of(std::string_view body) {
    auto request = read_request_body(body);
    EXPECT_FALSE(request.ok()) << body;
    if (request.ok()) return "";
    EXPECT_EQ(request.error().code(), EBADMSG);
    return request.error().text();
}

TEST(RootlesskitMessage, AFrameHasItsLengthInFrontLowestByteFirst) {
    EXPECT_EQ(framed("null"), std::string("\x04\0\0\0null", 8));
    EXPECT_EQ(framed(std::string(300, 'x')).substr(0, 4), std::string("\x2c\x01\0\0", 4));
    EXPECT_EQ(head_of({0x2c, 1, 0, 0}).value(), 300U);
}

TEST(RootlesskitMessage, AFrameIsNeitherEmptyNorLargerThan64Ki) {
    EXPECT_EQ(head_of({0, 0, 1, 0}).value(), 65536U);
    EXPECT_EQ(head_of({1, 0, 1, 0}).error().code(), EBADMSG);
    EXPECT_EQ(head_of({0, 0, 0, 0}).error().code(), EBADMSG);
    EXPECT_EQ(head_of({255, 255, 255, 255}).error().code(), EBADMSG);
}

TEST(RootlesskitMessage, ARequestIsWrittenInGosWords) {
    DialRequest request;
    request.protocol = Protocol::tcp4;
    request.ip = "127.0.0.1";
    request.port = 80;
    request.parent_ip = "0.0.0.0";
    request.host_gateway_ip = "192.0.2.1";
    EXPECT_EQ(request_body(request),
              R"({"Type":"connect","Proto":"tcp4","IP":"127.0.0.1","Port":80,"ParentIP":"0.0.0.0",)"
              R"("HostGatewayIP":"192.0.2.1"})");
    request.source_ip = "198.51.100.7";
    request.source_port = 40000;
    EXPECT_EQ(request_body(request).substr(request_body(request).find(",\"SourceIP")),
              R"(,"SourceIP":"198.51.100.7","SourcePort":40000})");
    EXPECT_EQ(read_request_body(request_body(request)).value(), request);
}

TEST(RootlesskitMessage, InitSaysNothingElse) {
    DialRequest request;
    request.type = DialRequest::Type::init;
    EXPECT_EQ(request_body(request),
              R"({"Type":"init","Proto":"","IP":"","Port":0,"ParentIP":"","HostGatewayIP":""})");
    EXPECT_EQ(read_request_body(request_body(request)).value(), request);
}

TEST(RootlesskitMessage, FieldsAreTakenAsGoTakesThem) {
    const auto request = read_request_body(
        R"({"TYPE":"init","type":"connect","proto":"udp","PORT":53,"IP":null,"New":[{}]} x)");
    ASSERT_TRUE(request.ok()) << request.error().text();
    EXPECT_EQ(request.value().protocol, Protocol::udp);
    EXPECT_EQ(request.value().port, 53);
    EXPECT_EQ(request.value().ip, "");
}

TEST(RootlesskitMessage, WhatIsNoRequestIsRefused) {
    EXPECT_EQ(refusal_of(""), "what came is no JSON");
    EXPECT_EQ(refusal_of("[1]"), "what came is no JSON object");
    EXPECT_EQ(refusal_of("null"), "the request is neither init nor connect");
    EXPECT_EQ(refusal_of(R"({"Type":"connect","Proto":"sctp","Port":1})"),
              "the protocol is none of tcp, tcp4, tcp6, udp, udp4, udp6");
    for (const char* port : {"0", "-1", "65536"})
        EXPECT_EQ(refusal_of(std::string(R"({"Type":"connect","Proto":"tcp","Port":)") + port + "}"),
                  "the port is not a number from 1 to 65535");
    EXPECT_EQ(refusal_of(R"({"Type":"connect","Proto":"tcp","Port":"80"})"), "Port is no whole number");
    EXPECT_EQ(refusal_of(R"({"Type":"connect","Proto":"tcp","Port":1.5})"), "Port is no whole number");
    EXPECT_EQ(refusal_of(R"({"Type":"connect","Proto":"tcp","Port":1,"IP":7})"), "IP is no string");
    for (const char* field : {"IP", "ParentIP", "HostGatewayIP", "SourceIP"})
        EXPECT_EQ(refusal_of(std::string(R"({"Type":"connect","Proto":"tcp","Port":1,")") + field +
                             R"(":"localhost"})"),
                  "an address is no IP address");
    EXPECT_EQ(refusal_of(R"({"Type":"connect","Proto":"tcp","Port":1,"SourcePort":65536})"),
              "the source's port is none");
}

TEST(RootlesskitMessage, AReplyHasAnErrorOrNone) {
    EXPECT_EQ(read_reply_body(kInitReplyBody).value(), "");
    EXPECT_EQ(read_reply_body("{}").value(), "");
    EXPECT_EQ(read_reply_body(error_body("connect: refused")).value(), "connect: refused");
    EXPECT_FALSE(read_reply_body("dummy").ok());
}

TEST(RootlesskitMessage, AnErrorOfTheOtherSideCannotTearTheLogApart) {
    EXPECT_EQ(read_reply_body(R"({"Error":"one\ntwo\u0007"})").value(), "one?two?");
    EXPECT_EQ(read_reply_body(error_body(std::string(5000, 'x'))).value().size(), 256U);
    EXPECT_EQ(read_reply_body(R"({"Error":")" + std::string(5000, 'x') + R"("})").value().size(), 256U);
}

}  // namespace
}  // namespace urc::ports::rootlesskit
