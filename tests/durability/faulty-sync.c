/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A disk that lies or fails, to be loaded before the C library (LD_PRELOAD). What fsync() and
 * fdatasync() do goes by IOTLINK_TEST_SYNC:
 *
 *     ignore     nothing, and report success
 *     a path     fail with EIO while there is such a file
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*SyncFunc)(int fd);

static int sync_with(const char *name, int fd) {
        const char *how = getenv("IOTLINK_TEST_SYNC");
        SyncFunc function;

        if (how && strcmp(how, "ignore") == 0)
                return 0;
        if (how && access(how, F_OK) == 0) {
                errno = EIO;
                return -1;
        }
        *(void **)&function = dlsym(RTLD_NEXT, name);
        return function ? function(fd) : 0;
}

__attribute__((visibility("default"))) int fsync(int fd) {
        return sync_with("fsync", fd);
}

__attribute__((visibility("default"))) int fdatasync(int fildes) {
        return sync_with("fdatasync", fildes);
}
