/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge/receipt.h"

#include "fake-session.h"
#include "test.h"

static Receipt opened(Client *client, int64_t n, LocalWait wait) {
        const LocalId id = {.kind = LOCAL_ID_INTEGER, .integer = n};
        Receipt receipt;

        receipt_open(&receipt, client, &id, wait);
        receipt.seq = 7;
        return receipt;
}

static void test_answers_once_and_when_it_is_enough(void) {
        static const struct {
                LocalWait wait;
                int qos;
                const char *answer;
        } cases[] = {
                        {LOCAL_WAIT_DEFAULT, 0, "ack 1 sent\n"},
                        {LOCAL_WAIT_DEFAULT, 1, "ack 1 stored receipt=7\n"},
                        {LOCAL_WAIT_SENT, 1, "ack 1 sent\n"},
                        {LOCAL_WAIT_STORED, 1, "ack 1 stored receipt=7\n"},
                        {LOCAL_WAIT_DELIVERED, 1, "ack 1 delivered\n"},
        };
        LocalSession *session = fake_session_new();
        Clients clients = {0};
        Client *client = client_of(&clients, session);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Receipt receipt = opened(client, 1, cases[i].wait);

                CHECK_INT(fake_session_holds(session), 1);
                receipt_progress(&receipt, LOCAL_ACK_SENT, cases[i].qos);
                receipt_progress(&receipt, LOCAL_ACK_STORED, cases[i].qos);
                receipt_progress(&receipt, LOCAL_ACK_DELIVERED, cases[i].qos);
                receipt_fail(&receipt, LOCAL_ERROR_INTERNAL, "never said");
                CHECK_STR(fake_session_take(session), cases[i].answer);
                CHECK_INT(fake_session_holds(session), 0);
        }
        client_remove(&clients, client);
        local_session_unref(session);
}

static void test_moves_and_outlives_its_client(void) {
        LocalSession *session = fake_session_new();
        Clients clients = {0};
        Client *client = client_of(&clients, session);
        Receipt receipt = opened(client, 7, LOCAL_WAIT_DELIVERED), taken;

        taken = receipt_take(&receipt);
        receipt_fail(&receipt, LOCAL_ERROR_INTERNAL, "never said");
        client_remove(&clients, client);
        receipt_fail(&taken, LOCAL_ERROR_FULL, "no room");
        CHECK_STR(fake_session_take(session), "error 7 full\n");
        CHECK_STR(fake_session_words(session), "no room");
        CHECK_INT(fake_session_refs(session), 1);
        local_session_unref(session);
}

static void test_too_many_pause_the_program(void) {
        LocalSession *session = fake_session_new();
        Clients clients = {0};
        Client *client = client_of(&clients, session);
        Receipt receipts[256];

        for (int i = 0; i < 256; i++) {
                CHECK(!fake_session_paused(session));
                receipts[i] = opened(client, i, LOCAL_WAIT_DEFAULT);
        }
        CHECK(fake_session_paused(session));
        for (int i = 0; i < 256; i++) {
                CHECK(fake_session_paused(session) == (i < 128));
                receipt_progress(&receipts[i], LOCAL_ACK_STORED, 1);
        }
        CHECK(!fake_session_paused(session));
        CHECK_INT(fake_session_holds(session), 0);
        client_remove(&clients, client);
        local_session_unref(session);
}

TEST_MAIN(TEST(test_answers_once_and_when_it_is_enough),
          TEST(test_moves_and_outlives_its_client),
          TEST(test_too_many_pause_the_program))
