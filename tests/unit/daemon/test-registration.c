/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A power cut leaves the old file or the new one, and perhaps a beginning under the other name.
 * What a file system may do on top of that, a file that was cut short, must give no half secret.
 */
#include "daemon/registration.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static char directory[] = "/tmp/test-registration-XXXXXX";
static char path[128], temporary[136];

static void set_up(void) {
        char *made;

        CHECK(mkdtemp(directory));
        CHECK_INT(registration_path(directory, "pk", "dn", &made), 0);
        (void)snprintf(path, sizeof(path), "%s", made);
        (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
        free(made);
}

static void write_bytes(const char *name, const char *data, size_t size, mode_t mode) {
        FILE *f = fopen(name, "we");

        CHECK(f);
        CHECK_INT(fwrite(data, 1, size, f), size);
        CHECK_INT(fclose(f), 0);
        CHECK_INT(chmod(name, mode), 0);
}

static void write_text(const char *name, const char *text) {
        write_bytes(name, text, strlen(text), 0600);
}

static unsigned mode_of(const char *name) {
        struct stat st;

        CHECK_INT(stat(name, &st), 0);
        return st.st_mode & 07777;
}

static unsigned count_files(void) {
        DIR *d = opendir(directory);
        unsigned n = 0;

        CHECK(d);
        while (readdir(d)) /* NOLINT(concurrency-mt-unsafe) */
                n++;
        (void)closedir(d);
        return n - 2; /* . and .. */
}

static int load_fails(void) {
        Registration r = {.client_id = (char[]){"untouched"}};
        int e = registration_load(path, &r);

        if (e < 0)
                CHECK_STR(r.client_id, "untouched");
        return e;
}

static void check_secret(const char *secret) {
        _cleanup_(registration_done) Registration r = {0};

        CHECK_INT(registration_load(path, &r), 0);
        CHECK_STR(r.device_secret, secret);
}

static void test_path_is_the_devices_own(void) {
        char *made;

        set_up();
        CHECK_INT(registration_path("/var/lib/iotlinkd", "a1X2", "gw@1:2", &made), 0);
        CHECK_STR(made, "/var/lib/iotlinkd/registration-a1X2.gw@1:2");
        free(made);
}

static void test_nothing_is_there_at_first(void) {
        CHECK_INT(load_fails(), -ENOENT);
}

static void test_secret_there_and_back(void) {
        const Registration given = {.device_secret = (char[]){"ga7XA6Kd=|&"}};
        _cleanup_(registration_done) Registration r = {0};

        CHECK_INT(registration_store(path, &given), 0);
        CHECK_INT(mode_of(path), 0600);
        CHECK_INT(count_files(), 1);
        CHECK_INT(registration_load(path, &r), 0);
        CHECK_STR(r.device_secret, "ga7XA6Kd=|&");
        CHECK(!r.client_id && !r.device_token);
}

static void test_token_there_and_back(void) {
        const Registration given = {.client_id = (char[]){"c-1"}, .device_token = (char[]){"t-1"}};
        _cleanup_(registration_done) Registration r = {0};

        CHECK_INT(registration_store(path, &given), 0);
        CHECK_INT(registration_load(path, &r), 0);
        CHECK_STR(r.client_id, "c-1");
        CHECK_STR(r.device_token, "t-1");
        CHECK(!r.device_secret);
}

static void test_mode_does_not_depend_on_the_umask(void) {
        const Registration given = {.device_secret = (char[]){"s"}};
        mode_t old = umask(0);

        CHECK_INT(registration_store(path, &given), 0);
        CHECK_INT(mode_of(path), 0600);
        (void)umask(0777);
        CHECK_INT(registration_store(path, &given), 0);
        (void)umask(old);
        CHECK_INT(mode_of(path), 0600);
}

static void test_power_cut_before_the_rename(void) {
        static const char *const beginnings[] = {"", "device_", "device_secret=ne",
                                                 "device_secret=new\n"};
        const Registration newer = {.device_secret = (char[]){"newer"}};

        for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
                write_text(path, "device_secret=old\n");
                write_bytes(temporary, beginnings[i], strlen(beginnings[i]), 0644);
                check_secret("old");
                CHECK_INT(registration_store(path, &newer), 0);
                check_secret("newer");
                CHECK_INT(mode_of(path), 0600);
                CHECK_INT(count_files(), 1);
        }
}

static void test_power_cut_before_there_was_any(void) {
        CHECK_INT(unlink(path), 0);
        write_text(temporary, "device_secret=half");
        CHECK_INT(load_fails(), -ENOENT);
        CHECK_INT(unlink(temporary), 0);
}

static void test_file_that_was_cut_short_gives_no_half_secret(void) {
        static const char whole[] = "client_id=c-1\ndevice_token=t-12345\n";

        for (size_t size = 0; size < sizeof(whole) - 1; size++) {
                write_bytes(path, whole, size, 0600);
                CHECK_INT(load_fails(), -EBADMSG);
        }
        write_text(path, "device_secret=ga7XA6Kd");
        CHECK_INT(load_fails(), -EBADMSG);
}

static void test_damaged_files(void) {
        static const char *const bad[] = {"\n",
                                          "hello\n",
                                          "device_token=t\n",
                                          "client_id=c\n",
                                          "other=x\n",
                                          "device_secret=s\r\n",
                                          "[device]\ndevice_secret=s\n"};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                write_text(path, bad[i]);
                CHECK_INT(load_fails(), -EBADMSG);
        }
        write_bytes(path, "\0\0\0\0\0\0\0\n", 8, 0600);
        CHECK_INT(load_fails(), -EBADMSG);
}

static void test_file_that_is_far_too_large(void) {
        char *large = calloc(1, 20000);

        CHECK(large);
        memset(large, 'a', 19999);
        write_text(path, large);
        free(large);
        CHECK_INT(load_fails(), -EBADMSG);
}

static void test_file_of_others(void) {
        static const mode_t modes[] = {0640, 0620, 0604, 0644, 0666, 0601};

        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                write_bytes(path, "device_secret=s\n", 16, modes[i]);
                CHECK_INT(load_fails(), -EPERM);
        }
        write_bytes(path, "device_secret=s\n", 16, 0400);
        check_secret("s");
}

static void test_directory_in_its_place(void) {
        CHECK_INT(unlink(path), 0);
        CHECK_INT(mkdir(path, 0700), 0);
        CHECK_INT(load_fails(), -EBADMSG);
        CHECK_INT(rmdir(path), 0);
}

static void test_failed_storage_changes_nothing(void) {
        const Registration newer = {.device_secret = (char[]){"newer"}};
        char elsewhere[] = "/tmp/no-such-directory-of-a-test/registration";

        write_text(path, "device_secret=old\n");
        CHECK_INT(mkdir(temporary, 0700), 0);
        CHECK_INT(registration_store(path, &newer), -EISDIR);
        check_secret("old");
        CHECK_INT(rmdir(temporary), 0);
        CHECK_INT(registration_store(elsewhere, &newer), -ENOENT);
}

static void test_links_are_not_followed(void) {
        const Registration newer = {.device_secret = (char[]){"newer"}};
        char victim[160];

        (void)snprintf(victim, sizeof(victim), "%s/victim", directory);
        write_text(victim, "mine\n");
        CHECK_INT(symlink(victim, temporary), 0);
        CHECK_INT(registration_store(path, &newer), -ELOOP);
        CHECK_INT(unlink(victim), 0);
}

static void test_storage_works_again_after_a_failure(void) {
        const Registration newer = {.device_secret = (char[]){"newer"}};

        CHECK_INT(registration_store(path, &newer), 0);
        check_secret("newer");
        CHECK_INT(unlink(path), 0);
        CHECK_INT(rmdir(directory), 0);
}

TEST_MAIN(TEST(test_path_is_the_devices_own),
          TEST(test_nothing_is_there_at_first),
          TEST(test_secret_there_and_back),
          TEST(test_token_there_and_back),
          TEST(test_mode_does_not_depend_on_the_umask),
          TEST(test_power_cut_before_the_rename),
          TEST(test_power_cut_before_there_was_any),
          TEST(test_file_that_was_cut_short_gives_no_half_secret),
          TEST(test_damaged_files),
          TEST(test_file_that_is_far_too_large),
          TEST(test_file_of_others),
          TEST(test_directory_in_its_place),
          TEST(test_failed_storage_changes_nothing),
          TEST(test_links_are_not_followed),
          TEST(test_storage_works_again_after_a_failure))
