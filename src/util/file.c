/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/file.h"

#define MODE_BITS 07777U

char *secret_free(char *s) {
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
        return NULL;
}

void file_content_done(FileContent *content) {
        if (content->data)
                explicit_bzero(content->data, content->size);
        free(content->data);
        *content = (FileContent){0};
}

/* Reads until the end or until @size bytes are there. Returns the count or -errno. */
static ssize_t read_all(int fd, char *data, size_t size) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = read(fd, data + done, size - done);

                if (n == 0)
                        break;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }
        return (ssize_t)done;
}

int file_read(const char *path, mode_t forbidden, size_t max, FileContent *ret) {
        _cleanup_(file_content_done) FileContent content = {0};
        _cleanup_(closep) int fd = -1;
        struct stat st;
        ssize_t n;

        /* O_NONBLOCK: a FIFO must not hold us up before we see that it is one. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return FILE_E_NOT_REGULAR;
        if (st.st_mode & forbidden)
                return FILE_E_EXPOSED;

        /* One byte more than allowed tells "full" from "too large". */
        content.data = calloc(1, max + 2);
        if (!content.data)
                return -ENOMEM;
        content.size = max + 1; /* what is wiped if this fails */
        n = read_all(fd, content.data, max + 1);
        if (n < 0)
                return (int)n;
        if ((size_t)n > max)
                return FILE_E_TOO_LARGE;

        content.size = (size_t)n;
        content.mode = st.st_mode & MODE_BITS;
        *ret = content;
        content = (FileContent){0};
        return 0;
}
