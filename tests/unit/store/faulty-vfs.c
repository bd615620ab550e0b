/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty-vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <unistd.h>

#include "test.h"
#include "util/macro.h"

#define PAGE        4096
#define PAGES_MAX   8192
#define N_FILES_MAX 8

typedef struct Disk {
        char *path;
        sqlite3_file *file; /* while it is open */
        char *bytes;        /* what the disk has */
        size_t size;
        bool is_dirty[PAGES_MAX];
} Disk;

static struct {
        pthread_mutex_t lock;
        sqlite3_vfs vfs, *real;
        sqlite3_io_methods methods[2];
        const sqlite3_io_methods *real_methods[2];
        Disk disks[N_FILES_MAX];
        int n_syncs_to_fail, write_error, n_failed;
        sqlite3_int64 bad_begin, bad_end;
} faulty = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const sqlite3_io_methods *real_of(const sqlite3_file *file) {
        return faulty.real_methods[file->pMethods == &faulty.methods[1]];
}

static Disk *disk_of(const sqlite3_file *file) {
        for (size_t i = 0; i < N_FILES_MAX; i++)
                if (faulty.disks[i].file == file)
                        return &faulty.disks[i];
        abort();
}

static void disk_forget(Disk *disk) {
        free(disk->path);
        free(disk->bytes);
        *disk = (Disk){0};
}

static void disk_resize(Disk *disk, size_t size) {
        disk->bytes = realloc(disk->bytes, size + 1);
        CHECK(disk->bytes);
        if (size > disk->size)
                memset(disk->bytes + disk->size, 0, size - disk->size);
        disk->size = size;
}

static void disk_copy_page(Disk *disk, size_t page, sqlite3_int64 file_size) {
        size_t begin = page * PAGE, end = begin + PAGE;

        if ((sqlite3_int64)end > file_size)
                end = (size_t)file_size;
        if (begin >= end)
                return;
        if (disk->size < end)
                disk_resize(disk, end);
        CHECK(real_of(disk->file)
                              ->xRead(disk->file, disk->bytes + begin, (int)(end - begin),
                                      (sqlite3_int64)begin) == SQLITE_OK);
}

static void disk_sync(Disk *disk, bool everything) {
        sqlite3_int64 size = 0;

        CHECK(real_of(disk->file)->xFileSize(disk->file, &size) == SQLITE_OK);
        CHECK(size <= (sqlite3_int64)PAGES_MAX * PAGE);
        for (size_t page = 0; page < PAGES_MAX; page++)
                if (everything || disk->is_dirty[page])
                        disk_copy_page(disk, page, size);
        memset(disk->is_dirty, 0, sizeof(disk->is_dirty));
}

static int faulty_close(sqlite3_file *file) {
        int rc;

        (void)pthread_mutex_lock(&faulty.lock);
        disk_of(file)->file = NULL;
        rc = real_of(file)->xClose(file);
        (void)pthread_mutex_unlock(&faulty.lock);
        return rc;
}

static int faulty_read(sqlite3_file *file, void *data, int n, sqlite3_int64 at) {
        bool is_bad;

        (void)pthread_mutex_lock(&faulty.lock);
        is_bad = file->pMethods == &faulty.methods[0] && at < faulty.bad_end &&
                 at + n > faulty.bad_begin;
        (void)pthread_mutex_unlock(&faulty.lock);
        return is_bad ? SQLITE_IOERR_READ : real_of(file)->xRead(file, data, n, at);
}

static int faulty_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at) {
        int rc;

        (void)pthread_mutex_lock(&faulty.lock);
        rc = faulty.write_error;
        if (rc == SQLITE_OK) {
                rc = real_of(file)->xWrite(file, data, n, at);
                for (sqlite3_int64 page = at / PAGE; page <= (at + n - 1) / PAGE; page++)
                        disk_of(file)->is_dirty[page] = true;
        } else {
                faulty.n_failed++;
        }
        (void)pthread_mutex_unlock(&faulty.lock);
        return rc;
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size) {
        int rc;

        (void)pthread_mutex_lock(&faulty.lock);
        rc = real_of(file)->xTruncate(file, size);
        if ((size_t)size < disk_of(file)->size)
                disk_resize(disk_of(file), (size_t)size);
        (void)pthread_mutex_unlock(&faulty.lock);
        return rc;
}

static int faulty_sync(sqlite3_file *file, int flags) {
        int rc = SQLITE_OK;

        (void)flags; /* really syncing would only cost time here */
        (void)pthread_mutex_lock(&faulty.lock);
        if (faulty.n_syncs_to_fail > 0 || faulty.write_error != SQLITE_OK) {
                if (faulty.n_syncs_to_fail > 0)
                        faulty.n_syncs_to_fail--;
                memset(disk_of(file)->is_dirty, 0, sizeof(disk_of(file)->is_dirty));
                faulty.n_failed++;
                rc = SQLITE_IOERR_FSYNC;
        } else {
                disk_sync(disk_of(file), false);
        }
        (void)pthread_mutex_unlock(&faulty.lock);
        return rc;
}

static Disk *disk_for(const char *path) {
        Disk *unused = NULL;

        for (size_t i = 0; i < N_FILES_MAX; i++) {
                Disk *disk = &faulty.disks[i];

                if (disk->path && strcmp(disk->path, path) == 0)
                        return disk;
                if (disk->path && !disk->file && access(disk->path, F_OK) < 0)
                        disk_forget(disk); /* renamed or removed */
                if (!disk->path)
                        unused = disk;
        }
        CHECK(unused);
        return unused;
}

static void track(const char *path, sqlite3_file *file, bool is_log) {
        Disk *disk = disk_for(path);
        bool is_new = !disk->path;

        faulty.real_methods[is_log] = file->pMethods;
        faulty.methods[is_log] = *file->pMethods;
        faulty.methods[is_log].xClose = faulty_close;
        faulty.methods[is_log].xRead = faulty_read;
        faulty.methods[is_log].xWrite = faulty_write;
        faulty.methods[is_log].xTruncate = faulty_truncate;
        faulty.methods[is_log].xSync = faulty_sync;
        file->pMethods = &faulty.methods[is_log];
        disk->file = file;
        if (!is_new)
                return;
        disk->path = strdup(path);
        CHECK(disk->path);
        disk_sync(disk, true);
}

static int faulty_open(
                sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
        int rc;

        (void)vfs;
        (void)pthread_mutex_lock(&faulty.lock);
        rc = faulty.real->xOpen(faulty.real, name, file, flags, out);
        if (rc == SQLITE_OK && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
                track(name, file, (flags & SQLITE_OPEN_WAL) != 0);
        (void)pthread_mutex_unlock(&faulty.lock);
        return rc;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync) {
        int rc;

        (void)vfs;
        (void)pthread_mutex_lock(&faulty.lock);
        for (size_t i = 0; i < N_FILES_MAX; i++)
                if (faulty.disks[i].path && strcmp(faulty.disks[i].path, name) == 0)
                        disk_forget(&faulty.disks[i]);
        rc = faulty.real->xDelete(faulty.real, name, sync);
        (void)pthread_mutex_unlock(&faulty.lock);
        return rc;
}

void faulty_register(void) {
        faulty.real = sqlite3_vfs_find(NULL);
        faulty.vfs = *faulty.real;
        faulty.vfs.zName = FAULTY_VFS;
        faulty.vfs.xOpen = faulty_open;
        faulty.vfs.xDelete = faulty_delete;
        CHECK(sqlite3_vfs_register(&faulty.vfs, 0) == SQLITE_OK);
}

void faulty_fail_syncs(int n) {
        (void)pthread_mutex_lock(&faulty.lock);
        faulty.n_syncs_to_fail = n;
        faulty.n_failed = 0;
        (void)pthread_mutex_unlock(&faulty.lock);
}

void faulty_fail_writes(int rc) {
        (void)pthread_mutex_lock(&faulty.lock);
        faulty.write_error = rc;
        faulty.n_failed = 0;
        (void)pthread_mutex_unlock(&faulty.lock);
}

void faulty_fail_reads(long begin, long end) {
        (void)pthread_mutex_lock(&faulty.lock);
        faulty.bad_begin = begin;
        faulty.bad_end = end;
        (void)pthread_mutex_unlock(&faulty.lock);
}

int faulty_n_failed(void) {
        int n;

        (void)pthread_mutex_lock(&faulty.lock);
        n = faulty.n_failed;
        (void)pthread_mutex_unlock(&faulty.lock);
        return n;
}

static void write_file(const char *path, const char *bytes, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK(write(fd, bytes, size) == (ssize_t)size);
        CHECK(close(fd) == 0);
}

void faulty_power_cut(const char *directory, const char *to) {
        size_t length = strlen(directory);

        (void)pthread_mutex_lock(&faulty.lock);
        for (size_t i = 0; i < N_FILES_MAX; i++) {
                const Disk *disk = &faulty.disks[i];
                char path[512];

                if (!disk->file || strncmp(disk->path, directory, length) != 0)
                        continue;
                (void)snprintf(path, sizeof(path), "%s%s", to, disk->path + length);
                write_file(path, disk->bytes, disk->size);
        }
        (void)pthread_mutex_unlock(&faulty.lock);
}
