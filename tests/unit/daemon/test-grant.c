/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/grant.h"

#include <errno.h>

#include "test.h"

static int parse_bytes(const char *text, size_t size, Grant *ret) {
        char *copy = malloc(size + 1);
        int r;

        CHECK(copy);
        memcpy(copy, text, size);
        copy[size] = '\0';
        r = grant_parse(copy, size, ret);
        free(copy);
        return r;
}

static int parse(const char *text, Grant *ret) {
        return parse_bytes(text, strlen(text), ret);
}

static void test_all_that_there_can_be(void) {
        _cleanup_(grant_done) Grant g = {0};

        CHECK_INT(parse("result=ok\nclient_id=c|d|\nusername=u&v\npassword=p=q\nhost=h\nport=8883\n"
                        "expires_in=604800\ndevice_secret=s\ndevice_token=t\ncode=7\nmessage=m n\n",
                        &g),
                  0);
        CHECK_INT(g.result, GRANT_OK);
        CHECK_STR(g.client_id, "c|d|");
        CHECK_STR(g.username, "u&v");
        CHECK_STR(g.password, "p=q");
        CHECK_STR(g.host, "h");
        CHECK_INT(g.port, 8883);
        CHECK_INT(g.expires_in_sec, 604800);
        CHECK_STR(g.device_secret, "s");
        CHECK_STR(g.device_token, "t");
        CHECK_STR(g.code, "7");
        CHECK_STR(g.message, "m n");
}

static void test_results(void) {
        static const struct {
                const char *text;
                GrantResult result;
        } results[] = {{"result=ok\n", GRANT_OK},
                       {"result=temporary\n", GRANT_TEMPORARY},
                       {"result=refused\n", GRANT_REFUSED},
                       {"result=refused\nresult=ok", GRANT_OK}};

        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
                _cleanup_(grant_done) Grant g = {0};

                CHECK_INT(parse(results[i].text, &g), 0);
                CHECK_INT(g.result, results[i].result);
                CHECK(!g.username && !g.message && g.port == 0 && g.expires_in_sec == 0);
        }
}

static void test_unknown_names_are_passed_over(void) {
        _cleanup_(grant_done) Grant g = {0};

        CHECK_INT(parse("protocol=2\nresult=ok\nfrom_version_9=x\n", &g), 0);
        CHECK_INT(g.result, GRANT_OK);
}

static void test_last_value_counts(void) {
        _cleanup_(grant_done) Grant g = {0};

        CHECK_INT(parse("result=ok\nusername=a\nusername=b\nport=1\nport=2\n", &g), 0);
        CHECK_STR(g.username, "b");
        CHECK_INT(g.port, 2);
}

static void test_limits_of_numbers(void) {
        _cleanup_(grant_done) Grant g = {0};

        CHECK_INT(parse("result=ok\nport=65535\nexpires_in=315360000\n", &g), 0);
        CHECK_INT(g.port, 65535);
        CHECK_INT(g.expires_in_sec, 315360000);
}

static void test_bad_answers_leave_the_output_alone(void) {
        static const char *const bad[] = {
                        "",
                        "\n",
                        "result=ok\nport=65536\n",
                        "result=ok\nport=-1\n",
                        "result=ok\nport=\n",
                        "result=ok\nport=8883 \n",
                        "result=ok\nexpires_in=315360001\n",
                        "result=ok\nexpires_in=18446744073709551616\n",
                        "result=ok\nexpires_in=1e3\n",
                        "result=\n",
                        "result=OK\n",
                        "result=ok \n",
                        "username=u\npassword=p\n",
                        "result=ok\r\n",
                        "result=ok\nusername\n",
                        "{\"result\":\"ok\"}\n",
                        "username=u\n\nresult=ok\n",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                Grant g = {.port = 77};

                CHECK_INT(parse(bad[i], &g), -EBADMSG);
                CHECK_INT(g.port, 77);
                CHECK(!g.username);
        }
}

static void test_nul_is_refused(void) {
        Grant g = {0};

        CHECK_INT(parse_bytes("result=ok\nusername=a\0b\n", 23, &g), -EBADMSG);
        CHECK_INT(parse_bytes("\0\0\0\0", 4, &g), -EBADMSG);
}

static void test_done_empties(void) {
        Grant g = {0};

        CHECK_INT(parse("result=ok\npassword=p\nport=1\n", &g), 0);
        grant_done(&g);
        CHECK(g.result == GRANT_NONE && !g.password && g.port == 0);
        grant_done(&g);
}

TEST_MAIN(TEST(test_all_that_there_can_be),
          TEST(test_results),
          TEST(test_unknown_names_are_passed_over),
          TEST(test_last_value_counts),
          TEST(test_limits_of_numbers),
          TEST(test_bad_answers_leave_the_output_alone),
          TEST(test_nul_is_refused),
          TEST(test_done_empties))
