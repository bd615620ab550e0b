/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A day in which the connection comes and goes, on a simulated clock: how many entries that makes,
 * and whether the last one tells the truth.
 */
#include "cloud/link-log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "util/clock.h"
#include "util/log.h"

#define SEC    USEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* A journal, and what is true meanwhile. */
typedef struct Journal {
        int saved, fd;
        LinkLog log;
        LinkStatus status;
        uint64_t now, wrong_since, longest_wrong;
        bool online, says_online;
        unsigned n, n_told_failures; /* entries; failures in entries and in their counts */
        char last[4096];
} Journal;

static Journal journal_open(void) {
        Journal j = {.saved = dup(STDERR_FILENO), .fd = memfd_create("stderr", 0), .now = DAY};

        CHECK(j.saved >= 0 && j.fd >= 0);
        CHECK(dup2(j.fd, STDERR_FILENO) == STDERR_FILENO);
        log_open(false);
        j.status = (LinkStatus){.host = "host.example", .port = 8883, .tls = true, .detail = ""};
        return j;
}

static void journal_close(Journal *j) {
        CHECK(dup2(j->saved, STDERR_FILENO) == STDERR_FILENO);
        (void)close(j->saved);
        (void)close(j->fd);
}

/* Reads what was written since the last look. */
static bool look(Journal *j) {
        off_t size = lseek(j->fd, 0, SEEK_CUR);
        const char *number;

        if (size > 0) {
                CHECK(size < (off_t)sizeof(j->last));
                CHECK(pread(j->fd, j->last, (size_t)size, 0) == size);
                j->last[size] = '\0';
                CHECK(strchr(j->last, '\n') == j->last + size - 1); /* one entry */
                CHECK(ftruncate(j->fd, 0) == 0 && lseek(j->fd, 0, SEEK_SET) == 0);
                j->n++;
                j->says_online = strstr(j->last, "EVENT=online");
                number = strstr(j->last, " REPEATS=");
                if (number)
                        j->n_told_failures += (unsigned)atoi(number + strlen(" REPEATS="));
                if (!j->says_online)
                        j->n_told_failures++;
        }
        if (j->says_online == j->online)
                j->wrong_since = 0;
        else if (j->wrong_since == 0)
                j->wrong_since = j->now;
        if (j->wrong_since != 0 && j->now - j->wrong_since > j->longest_wrong)
                j->longest_wrong = j->now - j->wrong_since;
        return size > 0;
}

static bool online(Journal *j) {
        j->online = true;
        j->status.state = LINK_ONLINE;
        j->status.reason = REASON_NONE;
        link_log_online(&j->log, &j->status, "id|x");
        return look(j);
}

static bool ends(Journal *j, Reason reason, const char *detail) {
        bool was_online = j->online;

        j->online = false;
        j->status.state = LINK_OFFLINE;
        j->status.reason = reason;
        j->status.detail = detail;
        j->status.retry_at_usec = j->now + SEC;
        link_log_end(&j->log, &j->status, was_online, j->now);
        return look(j);
}

static void test_a_day_of_coming_and_going(void) {
        static const uint64_t lives[] = {3 * SEC, MINUTE, 10 * MINUTE, 40 * MINUTE};

        for (size_t i = 0; i < ARRAY_SIZE(lives); i++) {
                Journal j = journal_open();
                unsigned n = 0;

                for (; j.now < 2 * DAY; n++) {
                        (void)online(&j);
                        j.now += lives[i];
                        (void)ends(&j, REASON_CLOSED, "");
                        j.now += 2 * SEC;
                }
                journal_close(&j);
                printf("# %u losses, %u entries, wrong for %u s at most\n", n, j.n,
                       (unsigned)(j.longest_wrong / SEC));
                CHECK(j.n <= 260);
                if (lives[i] >= 40 * MINUTE)
                        CHECK_INT(j.n, 2 * n); /* what is rare is told, each time */
                CHECK(j.longest_wrong <= 15 * MINUTE);
                CHECK(n - j.n_told_failures <
                      30 * MINUTE / lives[i] + 2); /* the last are not yet */
        }
}

static void test_a_day_of_faults_that_take_turns(void) {
        static const Reason reasons[] = {REASON_TCP_TIMEOUT, REASON_TLS_FAILED, REASON_DNS_FAILURE};
        Journal j = journal_open();
        unsigned n = 0;

        while (j.now < 2 * DAY) {
                char detail[32];

                (void)online(&j);
                j.now += 40 * SEC;
                (void)ends(&j, REASON_CLOSED, "");
                for (size_t i = 0; i < ARRAY_SIZE(reasons); i++, n++) {
                        j.now += 3 * SEC;
                        (void)snprintf(detail, sizeof(detail), "words %u", n); /* always others */
                        (void)ends(&j, reasons[i], detail);
                }
                j.now += 3 * SEC;
        }
        journal_close(&j);
        printf("# %u failures, %u entries\n", n, j.n);
        CHECK(j.n <= 400);
}

static void test_a_day_of_one_fault(void) {
        Journal j = journal_open();

        for (; j.now < 2 * DAY; j.now += 10 * SEC)
                (void)ends(&j, REASON_TCP_REFUSED, "Connection refused");
        journal_close(&j);
        CHECK_INT(j.n, 24);
}

static void test_another_reason_is_told_at_once(void) {
        Journal j = journal_open();

        for (; j.now < DAY + 6 * HOUR; j.now += 4 * SEC) {
                (void)online(&j);
                j.now += 6 * SEC;
                (void)ends(&j, REASON_CLOSED, "");
        }
        CHECK(ends(&j, REASON_REFUSED_CREDENTIALS, ""));
        CHECK(strstr(j.last, "REASON=refused-credentials"));
        CHECK(strstr(j.last, "more attempts have failed since the last entry"));
        j.now += 30 * SEC;
        CHECK(!ends(&j, REASON_REFUSED_CREDENTIALS, ""));
        j.now += 30 * SEC;
        CHECK(online(&j)); /* since the last entry says otherwise */
        journal_close(&j);
}

static void test_an_outage_after_much_flapping_is_told_soon(void) {
        Journal j = journal_open();

        for (; j.now < DAY + 6 * HOUR; j.now += 2 * SEC) {
                (void)online(&j);
                j.now += 6 * SEC;
                (void)ends(&j, REASON_CLOSED, "");
                j.now += 2 * SEC;
                (void)ends(&j, REASON_TCP_REFUSED, "");
        }
        for (unsigned i = 0; i < 20; i++, j.now += MINUTE)
                (void)ends(&j, REASON_TCP_REFUSED, "");
        CHECK(!j.says_online);
        CHECK(j.longest_wrong <= 15 * MINUTE);
        journal_close(&j);
}

TEST_MAIN(TEST(test_a_day_of_coming_and_going),
          TEST(test_a_day_of_faults_that_take_turns),
          TEST(test_a_day_of_one_fault),
          TEST(test_another_reason_is_told_at_once),
          TEST(test_an_outage_after_much_flapping_is_told_soon))
