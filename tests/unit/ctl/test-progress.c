/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/progress.h"

#include "test.h"
#include "util/clock.h"

static void check(Progress progress, const char *expected) {
        char text[PROGRESS_TEXT_MAX];

        progress_text(&progress, text);
        CHECK_STR(text, expected);
}

static void test_of_a_pipe_only_the_past_is_known(void) {
        check((Progress){.n_lines = 0, .elapsed_usec = USEC_PER_SEC}, "0 lines, 0/s");
        check((Progress){.n_lines = 1264,
                         .n_answered = 1200,
                         .bytes = 9000,
                         .elapsed_usec = 4 * USEC_PER_SEC},
              "1264 lines, 299/s, 64 awaited");
}

static void test_of_a_file_the_end_can_be_guessed(void) {
        check((Progress){.n_lines = 1000,
                         .n_answered = 1000,
                         .n_refused = 3,
                         .bytes = 10000,
                         .total_bytes = 40000,
                         .elapsed_usec = 10 * USEC_PER_SEC},
              "1000 lines (25 %), 99/s, 3 refused, 30 s left");
        /* It has grown meanwhile */
        check((Progress){.n_lines = 10,
                         .n_answered = 10,
                         .bytes = 200,
                         .total_bytes = 100,
                         .elapsed_usec = USEC_PER_SEC - 1},
              "10 lines, 10/s");
}

static void test_when_only_receipts_are_awaited(void) {
        check((Progress){.n_lines = 100,
                         .n_answered = 40,
                         .input_ended = true,
                         .elapsed_usec = 4 * USEC_PER_SEC},
              "100 lines, 9/s, 60 awaited, 6 s left");
        check((Progress){.n_lines = 5, .input_ended = true, .elapsed_usec = 4 * USEC_PER_SEC},
              "5 lines, 0/s, 5 awaited");
}

static void test_any_numbers_fit(void) {
        char text[PROGRESS_TEXT_MAX];

        progress_text(&(Progress){.n_lines = UINT64_MAX,
                                  .n_answered = 1,
                                  .n_refused = UINT64_MAX,
                                  .bytes = 1,
                                  .total_bytes = 2,
                                  .elapsed_usec = USEC_PER_SEC},
                      text);
        CHECK(strlen(text) < PROGRESS_TEXT_MAX - 1);
        CHECK(strstr(text, "refused"));
}

TEST_MAIN(TEST(test_of_a_pipe_only_the_past_is_known),
          TEST(test_of_a_file_the_end_can_be_guessed),
          TEST(test_when_only_receipts_are_awaited),
          TEST(test_any_numbers_fit))
