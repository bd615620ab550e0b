/* SPDX-License-Identifier: Apache-2.0 */

/*
 * iotlink-auth
 *
 * The credential command that comes with the daemon: one request on stdin, one answer on stdout.
 * Whatever goes wrong on the way is an answer too; only what prevents one ends with another status
 * than 0.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "config.h"
#include "helper/answer.h"
#include "helper/devicename.h"
#include "helper/json-reply.h"
#include "helper/register-https.h"
#include "helper/register-mqtt.h"
#include "helper/request.h"
#include "util/file.h"

static void help(void) {
        (void)printf("iotlink-auth <REQUEST >ANSWER\n"
                     "\n"
                     "Asks Alibaba Cloud IoT Platform for a device's credentials. iotlinkd runs "
                     "it;\n"
                     "request and answer are lines name=value.\n"
                     "\n"
                     "  --version  print the version\n"
                     "  --help     print this\n"
                     "\n"
                     "Exit status: 0 answered, 1 failed, 64 wrong usage. See iotlink-auth(8).\n");
}

/* Returns 0 to go on, else 1 with the exit status in @ret_status. */
static int parse_args(int argc, char *argv[], int *ret_status) {
        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                help();
                *ret_status = EXIT_SUCCESS;
                return 1;
        }
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                (void)printf("iotlink-auth %s\n", IOTLINK_VERSION);
                *ret_status = EXIT_SUCCESS;
                return 1;
        }
        /* What the argument was is not repeated: it could be a secret that went astray. */
        if (argc > 1) {
                (void)fprintf(stderr, "iotlink-auth: takes no arguments; the request goes to "
                                      "standard input\n");
                *ret_status = EX_USAGE;
                return 1;
        }
        if (isatty(STDIN_FILENO)) {
                (void)fprintf(stderr, "iotlink-auth: standard input is a terminal; iotlinkd runs "
                                      "this program, see iotlink-auth(8)\n");
                *ret_status = EX_USAGE;
                return 1;
        }
        return 0;
}

/* Neither debuggers of the same user, nor core files, nor traces of libraries show secrets. */
static void harden(void) {
        const struct rlimit none = {0};

        (void)prctl(PR_SET_DUMPABLE, 0);
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)unsetenv("MQTT_C_CLIENT_TRACE");
        (void)unsetenv("MQTT_C_CLIENT_TRACE_LEVEL");
        (void)unsetenv("SSLKEYLOGFILE");
}

static int run(const Request *request, Answer *answer) {
        switch (request->auth) {
        case REQUEST_AUTH_HTTPS:
                return devicename_run(request, answer);
        case REQUEST_AUTH_REGISTER:
                return request->via == REQUEST_VIA_HTTPS ? register_https_run(request, answer)
                                                         : register_mqtt_run(request, answer);
        case REQUEST_AUTH_REGISTER_FREE:
                if (request->via == REQUEST_VIA_HTTPS)
                        return answer_fail(answer, RESULT_REFUSED, 0,
                                           "Registration without a device created before goes over "
                                           "MQTT only. Have auth_via say mqtt.");
                return register_mqtt_run(request, answer);
        case _REQUEST_AUTH_MAX:
        default:
                return -EINVAL;
        }
}

static int answer_request(Answer *answer) {
        _cleanup_(request_done) Request request = {0};
        _cleanup_(freep) char *error = NULL;
        int r;

        r = request_read(STDIN_FILENO, &request, &error);
        if (r > 0)
                return answer_fail(answer, RESULT_REFUSED, 0,
                                   "The request to iotlink-auth cannot be used: %s.", error);
        if (r < 0)
                return r;
        r = run(&request, answer);
        if (r == -ENOTSUP)
                return answer_fail(answer, RESULT_REFUSED, 0,
                                   "OpenSSL may not use %s here. Set another cloud.sign_method.",
                                   sign_method_title(request.sign_method));
        return r;
}

static int write_all(int fd, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                size -= (size_t)n;
        }
        return 0;
}

static int converse(void) {
        _cleanup_(answer_done) Answer answer = {0};
        _cleanup_(secret_freep) char *text = NULL;
        int r;

        r = answer_request(&answer);
        if (r < 0)
                return r;
        r = answer_format(&answer, &text);
        if (r < 0)
                return r;
        return write_all(STDOUT_FILENO, text, strlen(text));
}

int main(int argc, char *argv[]) {
        int status = EXIT_SUCCESS, r;

        if (parse_args(argc, argv, &status) != 0)
                return status;
        harden();
        json_reply_init();
        r = converse();
        if (r < 0) {
                const char *words = strerrordesc_np(-r);

                (void)fprintf(stderr, "iotlink-auth: no answer could be given: %s\n",
                              words ? words : "unknown error");
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
