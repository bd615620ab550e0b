/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/commands.h"
#include "ctl/openmetrics.h"
#include "ctl/reply.h"
#include "ctl/status.h"

/* Readers run as somebody else. */
#define FILE_MODE 0644

/* Takes the fd. 0 or -errno. */
static int write_all(int fd, const json_t *status, const MetricsStyle *style) {
        FILE *f = fdopen(fd, "w");
        bool failed;

        if (!f) {
                int r = -errno;

                (void)close(fd);
                return r;
        }
        errno = 0;
        metrics_print(status, style, f);
        failed = ferror(f);
        if (fclose(f) == EOF || failed)
                return -(errno ? errno : EIO);
        return 0;
}

/* The file is the old one or the new one, never a part. 0 or -errno. */
static int replace_file(const char *path, const json_t *status, const MetricsStyle *style) {
        _cleanup_(freep) char *temporary = NULL;
        int fd, r;

        if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
                return -ENOMEM;
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = fchmod(fd, FILE_MODE) < 0 ? -errno : 0;
        if (r == 0)
                r = write_all(fd, status, style);
        else
                (void)close(fd);
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(temporary);
        return r;
}

int command_metrics(const Options *options, char **args) {
        const MetricsStyle style = {.prometheus = options->prometheus, .label = options->label};
        _cleanup_(json_decrefp) json_t *status = NULL;
        int exit_status, r;

        (void)args;
        if (options->label && !metrics_label_is_valid(options->label))
                return options_complain("--label must be NAME=VALUE, not '%s'", options->label);
        exit_status = status_ask(options, &status);
        if (exit_status != 0 && exit_status != EXIT_UNAVAILABLE)
                return exit_status;
        if (!options->output) {
                metrics_print(status, &style, stdout);
                return exit_status;
        }
        r = replace_file(options->output, status, &style);
        if (r < 0) {
                complain("Cannot write '%s': %s.", options->output, strerror(-r));
                return EXIT_FAILED;
        }
        return exit_status;
}
