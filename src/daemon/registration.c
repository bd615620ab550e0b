/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/registration.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/pairs.h"

#define SIZE_MAX_BYTES 16384U

void registration_done(Registration *registration) {
        (void)secret_free(registration->device_secret);
        (void)secret_free(registration->client_id);
        (void)secret_free(registration->device_token);
        *registration = (Registration){0};
}

int registration_path(const char *state_dir,
                      const char *product_key,
                      const char *device_name,
                      char **ret) {
        char *path;

        if (asprintf(&path, "%s/registration-%s.%s", state_dir, product_key, device_name) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int read_pair(const char *name, char *value, void *userdata) {
        Registration *registration = userdata;
        char **place = NULL;

        if (strcmp(name, "device_secret") == 0)
                place = &registration->device_secret;
        else if (strcmp(name, "client_id") == 0)
                place = &registration->client_id;
        else if (strcmp(name, "device_token") == 0)
                place = &registration->device_token;
        if (!place)
                return 0;
        (void)secret_free(*place);
        *place = strdup(value);
        return *place ? 0 : -ENOMEM;
}

int registration_load(const char *path, Registration *ret) {
        _cleanup_(registration_done) Registration registration = {0};
        _cleanup_(file_content_done) FileContent content = {0};
        int r;

        r = file_read(path, 0077, SIZE_MAX_BYTES, &content);
        if (r == FILE_E_EXPOSED)
                return -EPERM;
        if (r > 0)
                return -EBADMSG;
        if (r < 0)
                return r;
        /* A file that was cut short must not give half a secret. */
        if (content.size == 0 || content.data[content.size - 1] != '\n')
                return -EBADMSG;
        r = pairs_parse(content.data, content.size, read_pair, &registration);
        if (r < 0)
                return r;
        if (!registration.device_secret && !(registration.client_id && registration.device_token))
                return -EBADMSG;
        *ret = registration;
        registration = (Registration){0};
        return 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t)n;
        }
        return 0;
}

static int write_pair(int fd, const char *name, const char *value) {
        int r = 0;

        if (!value)
                return 0;
        r = write_all(fd, name, strlen(name));
        if (r == 0)
                r = write_all(fd, "=", 1);
        if (r == 0)
                r = write_all(fd, value, strlen(value));
        return r < 0 ? r : write_all(fd, "\n", 1);
}

static int write_file(const char *path, const Registration *registration) {
        _cleanup_(closep) int fd = -1;
        int r;

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        if (fchmod(fd, 0600) < 0)
                return -errno;
        r = write_pair(fd, "device_secret", registration->device_secret);
        if (r == 0)
                r = write_pair(fd, "client_id", registration->client_id);
        if (r == 0)
                r = write_pair(fd, "device_token", registration->device_token);
        if (r < 0)
                return r;
        return fsync(fd) < 0 ? -errno : 0;
}

/* The new name is safe only when its directory is on the disk too. */
static int sync_directory_of(const char *path) {
        _cleanup_(freep) char *copy = strdup(path);
        _cleanup_(closep) int fd = -1;

        if (!copy)
                return -ENOMEM;
        fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

int registration_store(const char *path, const Registration *registration) {
        _cleanup_(freep) char *temporary = NULL;
        int r;

        if (asprintf(&temporary, "%s.new", path) < 0) {
                temporary = NULL; /* its value is undefined */
                return -ENOMEM;
        }
        r = write_file(temporary, registration);
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                (void)(unlink(temporary) < 0);
                return r;
        }
        return sync_directory_of(path);
}
