/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"
#include "util/file.h"

static char directory[] = "/tmp/test-file-XXXXXX";
static char path[64];

static void write_file(const char *data, size_t size, mode_t mode) {
        FILE *f = fopen(path, "we");

        CHECK(f);
        CHECK_INT(fwrite(data, 1, size, f), size);
        CHECK_INT(fclose(f), 0);
        CHECK_INT(chmod(path, mode), 0);
}

static void test_reads_a_whole_file(void) {
        _cleanup_(file_content_done) FileContent content = {0};

        CHECK(mkdtemp(directory));
        CHECK(snprintf(path, sizeof(path), "%s/f", directory) > 0);
        write_file("a\0b\n", 4, 0640);
        CHECK_INT(file_read(path, 0, 4, &content), 0);
        CHECK_INT(content.size, 4);
        CHECK_INT(content.mode, 0640);
        CHECK(memcmp(content.data, "a\0b\n", 5) == 0);
}

static void test_reads_an_empty_file(void) {
        _cleanup_(file_content_done) FileContent content = {0};

        write_file("", 0, 0600);
        CHECK_INT(file_read(path, 0077, 0, &content), 0);
        CHECK_INT(content.size, 0);
        CHECK_STR(content.data, "");
}

static void test_refuses_a_file_over_the_limit(void) {
        FileContent content = {0};

        write_file("12345", 5, 0600);
        CHECK_INT(file_read(path, 0, 4, &content), FILE_E_TOO_LARGE);
        CHECK(!content.data);
}

static void test_refuses_forbidden_modes(void) {
        FileContent content = {0};

        for (unsigned bit = 1; bit <= 040; bit <<= 1) {
                write_file("x", 1, 0600 | bit);
                CHECK_INT(file_read(path, 0077, 10, &content), FILE_E_EXPOSED);
        }
        CHECK(!content.data);
}

static void test_refuses_what_is_not_a_file(void) {
        FileContent content = {0};

        CHECK_INT(file_read(directory, 0, 10, &content), FILE_E_NOT_REGULAR);
        CHECK_INT(file_read("/dev/zero", 0, 10, &content), FILE_E_NOT_REGULAR);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(file_read(path, 0, 10, &content), -ENOENT);
        CHECK_INT(mkfifo(path, 0600), 0);
        CHECK_INT(file_read(path, 0, 10, &content), FILE_E_NOT_REGULAR);
        CHECK_INT(unlink(path), 0);
        CHECK_INT(rmdir(directory), 0);
}

TEST_MAIN(TEST(test_reads_a_whole_file),
          TEST(test_reads_an_empty_file),
          TEST(test_refuses_a_file_over_the_limit),
          TEST(test_refuses_forbidden_modes),
          TEST(test_refuses_what_is_not_a_file))
