/* SPDX-License-Identifier: Apache-2.0 */

#include "helper/request.h"

#include <errno.h>
#include <fcntl.h>

#include "test.h"

#define MINIMUM                                                               \
        "protocol=1\nauth=https\nproduct_key=pk\ndevice_name=dn\nclient_id=c" \
        "\nsecret=hidden-one\n"

static void check_refused(const char *text, size_t size, const char *words) {
        Request request = {0};
        char *error = NULL;

        CHECK_INT(request_parse(text, size, &request, &error), REQUEST_E_INVALID);
        CHECK(!request.text);
        if (!strstr(error, words))
                printf("# \"%s\" lacks \"%s\"\n", error, words);
        CHECK(strstr(error, words));
        CHECK(!strstr(error, "hidden"));
        free(error);
}

static void refused(const char *text, const char *words) {
        check_refused(text, strlen(text), words);
}

static void parse(const char *text, Request *ret) {
        char *error = NULL;
        int r = request_parse(text, strlen(text), ret, &error);

        if (r != 0)
                printf("# %s\n", error);
        CHECK_INT(r, 0);
}

static void test_minimum(void) {
        Request request;

        parse(MINIMUM "\n", &request);
        CHECK_INT(request.auth, REQUEST_AUTH_HTTPS);
        CHECK_INT(request.via, REQUEST_VIA_MQTT);
        CHECK_INT(request.sign_method, SIGN_HMACSHA256);
        CHECK_STR(request.product_key, "pk");
        CHECK_STR(request.secret, "hidden-one");
        CHECK(!request.region && !request.host && !request.timestamp && !request.root_file);
        CHECK_INT(request.port, 0);
        request_done(&request);
        CHECK(!request.text);
}

static void test_everything(void) {
        Request request;

        parse("protocol=1\nauth=register-free\nreason=start\nproduct_key=a1\n"
              "device_name=d_@.:-9\nclient_id=a b=c\nsecret=x=y\nsign_method=HmacMD5\n"
              "timestamp=1234567890123\nregion=cn-shanghai\ninstance_id=iot-06\nhost=::1\n"
              "port=65535\nauth_via=mqtt\nauth_url=https://h:1/base/\nroot_file=/r.pem\n"
              "broker_root_file=/b.pem\nbroker_port=1\n\n",
              &request);
        CHECK_INT(request.auth, REQUEST_AUTH_REGISTER_FREE);
        CHECK_STR(request.client_id, "a b=c");
        CHECK_STR(request.secret, "x=y");
        CHECK_STR(request.device_name, "d_@.:-9");
        CHECK_INT(request.sign_method, SIGN_HMACMD5);
        CHECK_STR(request.timestamp, "1234567890123");
        CHECK_STR(request.region, "cn-shanghai");
        CHECK_STR(request.instance_id, "iot-06");
        CHECK_STR(request.host, "::1");
        CHECK_INT(request.port, 65535);
        CHECK_STR(request.auth_url, "https://h:1/base/");
        CHECK_STR(request.root_file, "/r.pem");
        CHECK_STR(request.broker_root_file, "/b.pem");
        CHECK_INT(request.broker_port, 1);
        request_done(&request);
}

static void test_skips_unknown_names(void) {
        Request request;

        parse(MINIMUM "new_thing=\t1\nnew_thing=2\nempty=\n\n", &request);
        request_done(&request);
}

static void test_form_of_lines(void) {
        refused("", "no empty line");
        refused("\n", "protocol=1");
        refused(MINIMUM, "no empty line");
        refused(MINIMUM "region=cn", "no empty line");
        refused(MINIMUM "\nregion=cn\n", "behind its empty line");
        refused(MINIMUM "\n\n", "behind its empty line");
        refused("protocol\n\n", "line 1");
        refused("protocol=1\n=hidden\n\n", "line 2");
        refused("protocol=1\nhidden\n\n", "line 2");
        check_refused("protocol=1\0\n\n", 13, "UTF-8");
        refused("protocol=1\nx=\xff\n\n", "UTF-8");
}

static void test_values(void) {
        refused(MINIMUM "secret=hidden-two\n\n", "secret is given twice");
        refused("secret=\n\n", "value of secret");
        refused("secret=hidden\r\n\n", "value of secret");
        refused("product_key=a&b\n\n", "product_key");
        refused("device_name=a|b\n\n", "device_name");
        refused("device_name=a,b\n\n", "device_name");
        refused("client_id=a|b\n\n", "client_id");
        refused("timestamp=1e3\n\n", "timestamp");
        refused("region=a.b\n\n", "region");
        refused("instance_id=a/b\n\n", "instance_id");
        refused("host=a/b\n\n", "host");
        refused(MINIMUM "port=0\n\n", "port");
        refused(MINIMUM "port=65536\n\n", "port");
        refused(MINIMUM "port=-1\n\n", "port");
        refused(MINIMUM "broker_port=99999\n\n", "broker_port");
        refused(MINIMUM "auth_url=http://x\n\n", "https://");
        refused(MINIMUM "auth_url=https://user:hidden@x\n\n", "auth_url");
        refused(MINIMUM "auth_url=https://x?y\n\n", "auth_url");
        refused(MINIMUM "auth_via=pigeon\n\n", "auth_via");
        refused(MINIMUM "sign_method=sha256\n\n", "sign_method");
        refused("protocol=2\nauth=https\n\n", "protocol=1");
        refused("auth=https\n\n", "protocol=1");
        refused("protocol=1\nauth=command\n\n", "auth is none of");
        refused("protocol=1\n\n", "auth is none of");
}

static void test_what_must_be_there(void) {
        refused("protocol=1\nauth=https\n\n", "product_key is missing");
        refused("protocol=1\nauth=https\nproduct_key=p\n\n", "device_name is missing");
        refused("protocol=1\nauth=https\nproduct_key=p\ndevice_name=d\n\n", "client_id is missing");
        refused("protocol=1\nauth=https\nproduct_key=p\ndevice_name=d\nclient_id=c\n\n",
                "device secret is missing");
        refused("protocol=1\nauth=register\nproduct_key=p\ndevice_name=d\nclient_id=c\n\n",
                "product secret is missing");
}

static void test_limits(void) {
        char *text = malloc(REQUEST_SIZE_MAX + 1), id[80];
        Request request;
        size_t size;

        /* Lines that are skipped fill it to the brim. */
        memset(text, 'x', REQUEST_SIZE_MAX + 1);
        size = strlen(MINIMUM);
        memcpy(text, MINIMUM, size);
        text[size + 1] = '=';
        text[REQUEST_SIZE_MAX - 2] = '\n';
        text[REQUEST_SIZE_MAX - 1] = '\n';
        {
                char *error = NULL;

                CHECK_INT(request_parse(text, REQUEST_SIZE_MAX, &request, &error), 0);
                request_done(&request);
        }
        check_refused(text, REQUEST_SIZE_MAX + 1, "too long");
        free(text);

        (void)snprintf(id, sizeof(id), "client_id=%065d\n\n", 0);
        refused(id, "client_id");
        (void)snprintf(id, sizeof(id), "client_id=%064d\n\n", 0);
        refused(id, "protocol=1");
}

static void test_reads_pieces(void) {
        _cleanup_(closep) int in = -1, out = -1;
        int fds[2];
        Request request;
        char *error = NULL;

        CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
        in = fds[0];
        out = fds[1];
        CHECK(write(out, MINIMUM, 20) == 20);
        CHECK(write(out, &(MINIMUM "\n")[20], strlen(MINIMUM) + 1 - 20) > 0);
        (void)close(TAKE_FD(out));
        CHECK_INT(request_read(in, &request, &error), 0);
        CHECK_STR(request.client_id, "c");
        request_done(&request);
        CHECK_INT(request_read(-1, &request, &error), -EBADF);
}

TEST_MAIN(TEST(test_minimum),
          TEST(test_everything),
          TEST(test_skips_unknown_names),
          TEST(test_form_of_lines),
          TEST(test_values),
          TEST(test_what_must_be_there),
          TEST(test_limits),
          TEST(test_reads_pieces))
