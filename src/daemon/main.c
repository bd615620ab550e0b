/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "config.h"
#include "daemon/daemon.h"
#include "settings/settings.h"
#include "util/log.h"

static const char *arg_config = IOTLINK_CONFIG_PATH;
static bool arg_check;
static bool arg_debug;

static void help(void) {
        printf("iotlinkd [OPTIONS]\n"
               "\n"
               "Connects this gateway to its cloud and bridges topics to a local socket.\n"
               "\n"
               "  --config FILE  read FILE instead of " IOTLINK_CONFIG_PATH "\n"
               "  --check        check the configuration, say what it means, and exit\n"
               "  --debug        log each attempt too\n"
               "  --version      print the version\n"
               "  --help         print this\n"
               "\n"
               "Exit status: 0 stopped, 1 failed, 64 wrong usage, 78 wrong configuration.\n"
               "See iotlinkd(8) and iotlinkd.conf(5).\n");
}

/* Returns 0 to go on, else 1 with the exit status in @ret_status. */
static int parse_args(int argc, char *argv[], int *ret_status) {
        enum { OPT_CONFIG = 256, OPT_CHECK, OPT_DEBUG, OPT_VERSION, OPT_HELP };
        static const struct option options[] = {
                        {"config", required_argument, NULL, OPT_CONFIG},
                        {"check", no_argument, NULL, OPT_CHECK},
                        {"debug", no_argument, NULL, OPT_DEBUG},
                        {"version", no_argument, NULL, OPT_VERSION},
                        {"help", no_argument, NULL, OPT_HELP},
                        {NULL, 0, NULL, 0},
        };
        int c;

        /* Only called before any thread starts. NOLINTNEXTLINE(concurrency-mt-unsafe) */
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPT_CONFIG:
                        arg_config = optarg;
                        break;
                case OPT_CHECK:
                        arg_check = true;
                        break;
                case OPT_DEBUG:
                        arg_debug = true;
                        break;
                case OPT_VERSION:
                        printf("iotlinkd %s\n", IOTLINK_VERSION);
                        *ret_status = EXIT_SUCCESS;
                        return 1;
                case OPT_HELP:
                        help();
                        *ret_status = EXIT_SUCCESS;
                        return 1;
                default:
                        *ret_status = EX_USAGE;
                        return 1;
                }
        if (optind < argc) {
                (void)fprintf(stderr, "iotlinkd: '%s' is one argument too many\n", argv[optind]);
                *ret_status = EX_USAGE;
                return 1;
        }
        return 0;
}

static void report(const SettingsErrors *errors) {
        for (size_t i = 0; i < errors->n_lines; i++) {
                /* Also as a unit's ExecReload=. */
                if (arg_check && !log_is_journal())
                        (void)fprintf(stderr, "%s\n", errors->lines[i]);
                else
                        log_event(LOG_EVENT_CONFIG_INVALID, NULL, 0, "%s", errors->lines[i]);
        }
        if (errors->out_of_memory)
                log_error("Out of memory while reading '%s'", arg_config);
}

static int run(void) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        SettingsErrors errors = {0};
        int r;

        r = settings_load(&settings, arg_config, &errors);
        report(&errors);
        settings_errors_done(&errors);
        if (r < 0)
                return EX_CONFIG;
        if (arg_check)
                return settings_describe(settings, stdout) < 0 || fflush(stdout) != 0
                                       ? EXIT_FAILURE
                                       : EXIT_SUCCESS;
        return daemon_run(TAKE_PTR(settings), arg_config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char *argv[]) {
        int status = EXIT_SUCCESS;

        if (parse_args(argc, argv, &status) != 0)
                return status;
        log_open(arg_debug);
        return run();
}
