/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for libFuzzer: runs a fuzz target over files and over all files of folders, whole and
 * cut off after each of their first bytes.
 */
#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

#include "test.h"
#include "util/macro.h"

/* libFuzzer gives the name. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX (4U * 1024U * 1024U)
#define CUTS_MAX 4096U

static void run_file(const char *path) {
        _cleanup_(freep) uint8_t *data = malloc(FILE_MAX);
        FILE *file = fopen(path, "re");
        size_t size;

        CHECK(data && file);
        size = fread(data, 1, FILE_MAX, file);
        CHECK(!ferror(file));
        CHECK_INT(fclose(file), 0);

        for (size_t n = 0; n < size && n < CUTS_MAX; n++)
                (void)LLVMFuzzerTestOneInput(data, n);
        (void)LLVMFuzzerTestOneInput(data, size);
}

/* Returns how many files there were. */
static size_t run_path(const char *path) {
        struct dirent *entry;
        struct stat st;
        DIR *directory;
        size_t n = 0;

        CHECK_INT(stat(path, &st), 0);
        if (!S_ISDIR(st.st_mode)) {
                run_file(path);
                return 1;
        }
        directory = opendir(path);
        CHECK(directory);
        while ((entry = readdir(directory))) {
                char name[4096];

                if (entry->d_name[0] == '.')
                        continue;
                CHECK(snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) <
                      (int)sizeof(name));
                n += run_path(name);
        }
        CHECK_INT(closedir(directory), 0);
        return n;
}

int main(int argc, char **argv) {
        (void)printf("1..%d\n", argc - 1);
        for (int i = 1; i < argc; i++)
                (void)printf("ok %d - %zu files\n", i, run_path(argv[i]));
        return EXIT_SUCCESS;
}
