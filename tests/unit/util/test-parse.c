/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "test.h"
#include "util/parse.h"

static void test_unsigned_takes_plain_digits(void) {
        uint64_t value = 77;

        CHECK_INT(parse_unsigned("0", 10, &value), 0);
        CHECK_INT(value, 0);
        CHECK_INT(parse_unsigned("10", 10, &value), 0);
        CHECK_INT(value, 10);
        CHECK_INT(parse_unsigned("007", 10, &value), 0);
        CHECK_INT(value, 7);
        CHECK_INT(parse_unsigned("18446744073709551615", UINT64_MAX, &value), 0);
        CHECK(value == UINT64_MAX);
}

static void test_unsigned_refuses_everything_else(void) {
        static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "1e3", "a"};
        uint64_t value = 77;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK_INT(parse_unsigned(bad[i], UINT64_MAX, &value), -EINVAL);
        CHECK_INT(parse_unsigned("11", 10, &value), -ERANGE);
        CHECK_INT(parse_unsigned("9", 8, &value), -ERANGE);
        CHECK_INT(parse_unsigned("18446744073709551616", UINT64_MAX, &value), -ERANGE);
        CHECK_INT(parse_unsigned("99999999999999999999999", UINT64_MAX, &value), -ERANGE);
        CHECK_INT(value, 77);
}

static void check_host_port(const char *s, const char *host, unsigned port) {
        _cleanup_(freep) char *got = NULL;
        uint16_t got_port = 9;

        CHECK_INT(parse_host_port(s, &got, &got_port), 0);
        CHECK_STR(got, host);
        CHECK_INT(got_port, port);
}

static void test_host_port_takes_names_and_addresses(void) {
        check_host_port("broker", "broker", 0);
        check_host_port("broker.example.com:1883", "broker.example.com", 1883);
        check_host_port("iot-1.mqtt.example:65535", "iot-1.mqtt.example", 65535);
        check_host_port("127.0.0.1:1", "127.0.0.1", 1);
        check_host_port("[::1]", "::1", 0);
        check_host_port("[2001:db8::5]:8883", "2001:db8::5", 8883);
}

static void test_host_port_refuses_what_is_no_host(void) {
        static const char *const bad[] = {"",       ":1883", "a b",  "a..b",   ".a",
                                          "a.",     "-a",    "[::1", "[]",     "[x]:1",
                                          "[::1]1", "a/b:1", "a\n",  "user@h", "h%1"};
        static const char *const bad_port[] = {"a:", "a:0", "a:65536", "a:x", "a:1:2", "ssl://a"};
        char label[70], *host = NULL;
        uint16_t port = 9;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                CHECK_INT(parse_host_port(bad[i], &host, &port), -EINVAL);
        for (size_t i = 0; i < ARRAY_SIZE(bad_port); i++)
                CHECK_INT(parse_host_port(bad_port[i], &host, &port), -ERANGE);
        CHECK_INT(parse_host_port("::1", &host, &port), -EINVAL);
        memset(label, 'a', sizeof(label));
        label[64] = '\0';
        CHECK_INT(parse_host_port(label, &host, &port), -EINVAL);
        label[63] = '\0';
        check_host_port(label, label, 0);
        CHECK(!host);
        CHECK_INT(port, 9);
}

TEST_MAIN(TEST(test_unsigned_takes_plain_digits),
          TEST(test_unsigned_refuses_everything_else),
          TEST(test_host_port_takes_names_and_addresses),
          TEST(test_host_port_refuses_what_is_no_host))
