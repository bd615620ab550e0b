/* SPDX-License-Identifier: Apache-2.0 */
#include "settings/instance.h"

#include "config.h"
#include "test.h"

/* @path stands below "/etc/iotlinkd/", wherever that is in this build. */
static void check(const char *name, const char *socket, const char *state) {
        const char *usual = IOTLINK_CONFIG_PATH;
        char path[256];
        Draft *draft = NULL;

        CHECK(snprintf(path, sizeof(path), "%.*s%s", (int)(strrchr(usual, '/') + 1 - usual), usual,
                       name) > 0);
        if (*name == '/')
                CHECK(snprintf(path, sizeof(path), "%s", name) > 0);
        CHECK_INT(draft_new(&draft), 0);
        CHECK_INT(instance_defaults(draft, path), 0);
        CHECK_STR(draft->settings.socket_path, socket);
        CHECK_STR(draft->settings.state_dir, state);
        CHECK(!draft->settings.socket_named);
        draft_free(draft);
}

static void test_the_usual_one(void) {
        check("iotlinkd.conf", IOTLINK_SOCKET_PATH, "/var/lib/iotlinkd");
}

static void test_instances_have_places_of_their_own(void) {
        check("one.conf", "/run/iotlinkd/one.sock", "/var/lib/iotlinkd-one");
        check("a.b.conf", "/run/iotlinkd/a.b.sock", "/var/lib/iotlinkd-a.b");
}

static void test_other_files_are_no_instances(void) {
        static const char *const names[] = {"one", ".conf", "sub/one.conf", "/tmp/one.conf",
                                            "/one.conf"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                check(names[i], IOTLINK_SOCKET_PATH, "/var/lib/iotlinkd");
}

static void test_systemd_knows_the_state_best(void) {
        CHECK_INT(setenv("STATE_DIRECTORY", "/a:/b", 1), 0);
        check("iotlinkd.conf", IOTLINK_SOCKET_PATH, "/a");
        check("one.conf", "/run/iotlinkd/one.sock", "/a");
        CHECK_INT(setenv("STATE_DIRECTORY", "", 1), 0);
        check("one.conf", "/run/iotlinkd/one.sock", "/var/lib/iotlinkd-one");
        CHECK_INT(unsetenv("STATE_DIRECTORY"), 0);
}

TEST_MAIN(TEST(test_the_usual_one),
          TEST(test_instances_have_places_of_their_own),
          TEST(test_other_files_are_no_instances),
          TEST(test_systemd_knows_the_state_best))
