/* SPDX-License-Identifier: Apache-2.0 */
/*
 * States, events, ends and the log. When and where it tries again: test-link-retry.c.
 */
#include "link-world.h"

/* Attempts */

static void test_first_attempt_at_once(void) {
        World w;

        set_up(&w, 0, fixed_random);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        link_tick(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 0);
        link_start(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 1);
        CHECK_INT(state(&w), LINK_CONNECTING);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        CHECK_STR(w.fake->target.host, "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_INT(w.fake->target.port, 1883);
        CHECK(!w.fake->target.tls && !w.fake->target.root_file);
        CHECK_INT(w.fake->target.keepalive_sec, 100);
        CHECK_INT(w.fake->target.timeout_sec, 20);

        link_start(w.link, w.now); /* again changes nothing */
        CHECK_INT(w.fake->n_connects, 1);
        CHECK_INT(link_publish(w.link, 1, NULL, 1), -ENOTCONN);
        CHECK_INT(link_subscribe(w.link, 1, "a", 1), -ENOTCONN);
        CHECK_INT(link_unsubscribe(w.link, 1, "a"), -ENOTCONN);
        tear_down(&w);
}

static void test_status(void) {
        LinkStatus s;
        World w;

        set_up(&w, 0, fixed_random);
        s = status_of(&w);
        CHECK(!s.host && s.reason == REASON_NONE && s.n_connects == 0 && s.detail[0] == '\0');
        CHECK_STR(link_state_to_string(s.state), "offline");
        link_start(w.link, w.now);
        fail(&w, REASON_REFUSED_NOT_AUTHORIZED, 5);
        s = status_of(&w);
        CHECK_STR(s.host, "pk.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        CHECK_INT(s.reason, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK_INT(s.last_refusal, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK(s.last_refusal_wall_msec > 0);
        CHECK_INT(s.n_failures, 1);

        /* Other failures leave the last refusal alone, a connection too. */
        retry(&w);
        fail(&w, REASON_TCP_REFUSED, 0);
        CHECK_INT(status_of(&w).last_refusal, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK_INT(status_of(&w).n_failures, 2);
        retry(&w);
        fake_connected(w.fake, true);
        dispatch(&w);
        s = status_of(&w);
        CHECK(s.session_present && s.reason == REASON_NONE && s.n_failures == 0);
        CHECK_INT(s.last_refusal, REASON_REFUSED_NOT_AUTHORIZED);
        CHECK_INT(s.n_connects, 3);
        for (LinkState i = 0; i < _LINK_STATE_MAX; i++)
                CHECK(link_state_to_string(i));
        CHECK(!link_state_to_string(_LINK_STATE_MAX));
        tear_down(&w);
}

static void test_fresh_credentials(void) {
        char *id, *password;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        id = text(w.fake->target.client_id);
        password = text(w.fake->target.password);
        CHECK(strstr(id, "timestamp="));
        fail(&w, REASON_TCP_REFUSED, 0);
        (void)usleep(3000);
        retry(&w);
        CHECK(strcmp(id, w.fake->target.client_id) != 0);
        CHECK(strcmp(password, w.fake->target.password) != 0);
        free(id);
        free(password);
        tear_down(&w);
}

static void test_attempt_that_cannot_start(void) {
        World w;

        set_up(&w, 0, fixed_random);
        w.fake->connect_error = -ENOMEM;
        link_start(w.link, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_INTERNAL);
        CHECK_BETWEEN(wait_of(&w), 1 * SEC, 3 * SEC);
        w.fake->connect_error = 0;
        retry(&w);
        go_online(&w);
        lose(&w, 3600 * SEC);
        retry(&w);
        CHECK_INT(w.previous, REASON_CLOSED);
        tear_down(&w);
}

/* Credentials that come later */

static void test_credentials_later(void) {
        Credentials c = {0};
        World w;

        set_up(&w, 0, fixed_random);
        w.source_result = 0;
        link_offer(w.link, &c, w.now); /* nobody has asked */
        CHECK_INT(w.fake->n_connects, 0);
        link_start(w.link, w.now);
        CHECK_INT(state(&w), LINK_CONNECTING);
        CHECK_INT(w.n_gets, 1);
        CHECK_INT(w.previous, REASON_NONE);
        CHECK_INT(w.fake->n_connects, 0);
        CHECK_INT(status_of(&w).n_connects, 0);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);

        link_deny(w.link, REASON_AUTH_UNREACHABLE, "the words", w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_AUTH_UNREACHABLE);
        CHECK_STR(status_of(&w).detail, "the words");
        CHECK_INT(status_of(&w).last_refusal, REASON_NONE);
        CHECK_BETWEEN(wait_of(&w), 1 * SEC, 3 * SEC);
        link_deny(w.link, REASON_AUTH_REFUSED, "", w.now); /* once is enough */
        CHECK_INT(status_of(&w).reason, REASON_AUTH_UNREACHABLE);

        w.now = link_deadline_usec(w.link);
        link_tick(w.link, w.now);
        CHECK_INT(w.previous, REASON_AUTH_UNREACHABLE);
        link_deny(w.link, REASON_AUTH_REFUSED, "not you", w.now);
        CHECK_INT(status_of(&w).last_refusal, REASON_AUTH_REFUSED);
        CHECK_STR(status_of(&w).last_refusal_detail, "not you");
        CHECK_BETWEEN(wait_of(&w), 30 * SEC, 90 * SEC);

        w.now = link_deadline_usec(w.link);
        link_tick(w.link, w.now);
        CHECK_INT(credentials_make(&w.identity, 1, &c), 0);
        w.now += 5 * SEC;
        link_offer(w.link, &c, w.now);
        CHECK(!c.host && !c.password); /* moved */
        CHECK_INT(w.fake->n_connects, 1);
        CHECK_INT(status_of(&w).n_connects, 1);
        CHECK(strstr(w.fake->target.client_id, "timestamp=1"));
        go_online(&w);
        tear_down(&w);
}

static void test_stop_while_waiting_for_credentials(void) {
        _cleanup_(credentials_done) Credentials c = {0};
        World w;

        set_up(&w, 0, fixed_random);
        w.source_result = 0;
        link_start(w.link, w.now);
        link_stop(w.link);
        CHECK_INT(credentials_make(&w.identity, 1, &c), 0);
        link_offer(w.link, &c, w.now);
        link_deny(w.link, REASON_AUTH_REFUSED, "", w.now);
        CHECK_INT(w.fake->n_connects, 0);
        CHECK_INT(state(&w), LINK_STOPPED);
        CHECK_INT(status_of(&w).reason, REASON_STOPPED);
        tear_down(&w);
}

static void test_no_credentials(void) {
        World w;

        set_up(&w, 2, fixed_random);
        w.source_result = -EIO;
        link_start(w.link, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_INTERNAL);
        CHECK_INT(status_of(&w).n_connects, 0);
        CHECK_BETWEEN(wait_of(&w), 1 * SEC, 3 * SEC);
        w.source_result = 1;
        retry(&w);
        CHECK_INT(w.previous, REASON_INTERNAL);
        go_online(&w);
        tear_down(&w);
}

/* Silence */

static void test_silence_is_noticed(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        CHECK(link_deadline_usec(w.link) > w.now + 100 * SEC);
        CHECK(link_deadline_usec(w.link) < w.now + 150 * SEC);

        /* Heard lately: looked at again when that could be too long ago. */
        w.now = link_deadline_usec(w.link);
        w.fake->silence_usec = 90 * SEC;
        link_tick(w.link, w.now);
        CHECK(link_is_online(w.link));
        CHECK_BETWEEN(link_deadline_usec(w.link), w.now + 50 * SEC, w.now + 60 * SEC);

        w.now = link_deadline_usec(w.link);
        w.fake->silence_usec = 145 * SEC;
        link_tick(w.link, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_KEEPALIVE_TIMEOUT);
        CHECK_INT(w.fake->n_closes, 1);
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        fake_closed(w.fake);
        dispatch(&w);
        retry(&w);
        tear_down(&w);
}

static void test_unknown_silence_is_no_silence(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        for (int i = 0; i < 10; i++) {
                w.now = link_deadline_usec(w.link);
                link_tick(w.link, w.now);
                CHECK(link_is_online(w.link));
                CHECK(link_deadline_usec(w.link) > w.now);
        }
        tear_down(&w);
}

/* Events */

static void test_requests_and_answers(void) {
        _cleanup_(message_unrefp) Message *message = NULL;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        CHECK_INT(message_new(&message, "up", "x", 1, 1), 0);
        CHECK_INT(link_publish(w.link, 1, message, 1), 0);
        CHECK_INT(link_subscribe(w.link, 2, "a/#", 0), 0);
        CHECK_INT(link_unsubscribe(w.link, 3, "b"), 0);
        CHECK_STR(fake_requests(w.fake), "pub up=x/1 sub a/#/0 unsub b ");
        fake_published(w.fake, 1, true);
        fake_published(w.fake, 7, false);
        fake_subscribed(w.fake, 2, 0x80);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_UNSUBSCRIBED,
                                           .epoch = w.fake->epoch,
                                           .token = 3});
        fake_message(w.fake, "down", "", 1);
        dispatch(&w);
        CHECK_STR(w.answers, "pub 1 1 pub 7 0 sub 2 128 unsub 3 0 ");
        CHECK_INT(w.n_messages, 1);
        w.fake->request_error = -ENOMEM;
        CHECK_INT(link_publish(w.link, 4, message, 1), -ENOMEM);
        tear_down(&w);
}

static int keep(void *userdata, uint64_t epoch, Message *message, uint64_t *ret_kept) {
        const int *result = userdata;

        CHECK(epoch > 0);
        CHECK_STR(message_topic(message), "down");
        if (*result > 0)
                *ret_kept = 77;
        return *result;
}

static void test_messages_that_are_kept_or_not(void) {
        int result = 1;
        World w;

        set_up(&w, 0, fixed_random);
        link_set_keeper(w.link, &(TransportKeeper){.keep = keep, .userdata = &result});
        link_start(w.link, w.now);
        go_online(&w);
        fake_message(w.fake, "down", "", 1);
        dispatch(&w);
        CHECK_INT(w.last_kept, 77);
        result = 0;
        fake_message(w.fake, "down", "", 1);
        dispatch(&w);
        CHECK_INT(w.last_kept, 0);
        CHECK_INT(w.withheld, 0);
        result = -ENOSPC;
        fake_message(w.fake, "down", "", 1);
        dispatch(&w);
        CHECK_INT(w.withheld, -ENOSPC);
        CHECK_INT(w.n_messages, 2);
        tear_down(&w);
}

static void test_old_epochs_are_ignored(void) {
        uint64_t old;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        old = w.fake->epoch;
        lose(&w, 10 * SEC);
        retry(&w);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_CONNECTED, .epoch = old});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_FAILED, .epoch = old});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = old});
        dispatch(&w);
        CHECK_INT(state(&w), LINK_CONNECTING);
        go_online(&w);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_PUBLISHED, .epoch = old, .token = 1});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_SUBSCRIBED, .epoch = old, .token = 1});
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = old});
        dispatch(&w);
        CHECK(link_is_online(w.link));
        CHECK_STR(w.answers, "");
        tear_down(&w);
}

static void test_dispatch_is_bounded(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        for (int i = 0; i < 1000; i++)
                fake_message(w.fake, "down", "", 0);
        dispatch(&w);
        CHECK(w.n_messages > 0 && w.n_messages < 1000);
        for (int i = 0; i < 10; i++)
                dispatch(&w);
        CHECK_INT(w.n_messages, 1000);
        tear_down(&w);
}

/* Ends */

static void test_abandon(void) {
        unsigned n;
        World w;

        set_up(&w, 0, fixed_random);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(w.fake->n_closes, 0);
        link_start(w.link, w.now);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(w.fake->n_closes, 0);
        go_online(&w);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        CHECK_INT(state(&w), LINK_OFFLINE);
        CHECK_INT(status_of(&w).reason, REASON_ACK_TIMEOUT);
        link_abandon(w.link, REASON_CLOSED, w.now);
        CHECK_INT(w.fake->n_closes, 1);
        CHECK_INT(status_of(&w).reason, REASON_ACK_TIMEOUT);

        /* Late events of what is being closed: only messages count, they are acknowledged. */
        n = w.n_changed;
        fake_published(w.fake, 1, true);
        fake_subscribed(w.fake, 1, 1);
        fake_message(w.fake, "down", "", 1);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = w.fake->epoch});
        dispatch(&w);
        CHECK_INT(w.n_changed, n);
        CHECK_STR(w.answers, "");
        CHECK_INT(w.n_messages, 1);

        /* No attempt before CLOSED, however long that takes; then at once when it is due. */
        w.now += 3600 * SEC;
        link_tick(w.link, w.now);
        link_start(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 1);
        fake_closed(w.fake);
        dispatch(&w);
        CHECK(link_deadline_usec(w.link) <= w.now);
        link_tick(w.link, w.now);
        CHECK_INT(w.fake->n_connects, 2);
        go_online(&w);
        tear_down(&w);
}

static void check_stopped_for_good(World *w) {
        unsigned n = w->fake->n_connects;

        CHECK_INT(state(w), LINK_STOPPED);
        CHECK_INT(status_of(w).reason, REASON_STOPPED);
        CHECK(link_deadline_usec(w->link) == USEC_INFINITY);
        w->now += 10000 * SEC;
        link_tick(w->link, w->now);
        link_start(w->link, w->now);
        link_stop(w->link);
        CHECK_INT(w->fake->n_connects, n);
        CHECK_INT(state(w), LINK_STOPPED);
}

static void test_stop_while_offline(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        fail(&w, REASON_TCP_REFUSED, 0);
        link_stop(w.link);
        check_stopped_for_good(&w);
        if (w.fake->closing)
                fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        tear_down(&w);
}

static void test_stop_while_connecting(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        link_stop(w.link);
        CHECK_INT(w.fake->n_closes, 1);
        check_stopped_for_good(&w);
        /* The attempt may still succeed or fail meanwhile. */
        fake_connected(w.fake, false);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_FAILED,
                                           .epoch = w.fake->epoch,
                                           .reason = REASON_TCP_TIMEOUT});
        dispatch(&w);
        check_stopped_for_good(&w);
        fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        tear_down(&w);
}

static void test_stop_while_online(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        link_stop(w.link);
        CHECK_INT(state(&w), LINK_STOPPING);
        CHECK(!link_is_online(w.link));
        CHECK(link_deadline_usec(w.link) == USEC_INFINITY);
        link_stop(w.link);
        CHECK_INT(w.fake->n_closes, 1);
        CHECK_INT(link_subscribe(w.link, 1, "a", 0), -ENOTCONN);
        fake_push(w.fake, (TransportEvent){.kind = TRANSPORT_LOST, .epoch = w.fake->epoch});
        dispatch(&w);
        CHECK_INT(state(&w), LINK_STOPPING);
        fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        CHECK_INT(w.states[w.n_states - 2], LINK_STOPPING);
        tear_down(&w);
}

static void test_stop_while_closing(void) {
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        go_online(&w);
        link_abandon(w.link, REASON_ACK_TIMEOUT, w.now);
        link_stop(w.link);
        CHECK_INT(w.fake->n_closes, 1);
        check_stopped_for_good(&w);
        fake_closed(w.fake);
        dispatch(&w);
        check_stopped_for_good(&w);
        tear_down(&w);
}

/* The log */

static void test_repeats_are_logged_once(void) {
        Capture c = capture_start();
        char *all;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (int i = 0; i < 6; i++) {
                fail(&w, REASON_TCP_REFUSED, 0);
                retry(&w);
        }
        fail(&w, REASON_DNS_FAILURE, 0);
        retry(&w);
        fail(&w, REASON_DNS_FAILURE, 0);
        retry(&w);
        go_online(&w);
        all = capture_end(c);
        CHECK_INT(count(all, "\n"), 3);
        CHECK_INT(count(all, "EVENT=unreachable"), 2);
        CHECK_INT(count(all, "REASON=tcp-refused"), 1);
        CHECK_INT(count(all, "REASON=dns-failure"), 1);
        CHECK_INT(count(all, "EVENT=online"), 1);
        CHECK(strstr(all, "after 1 more attempts that failed"));
        /* Not all of them in the way that this entry tells of. */
        CHECK(strstr(all, "5 more attempts have failed since the last entry"));
        CHECK(!strstr(all, "timestamp=") && !strstr(all, "s3cret") &&
              !strstr(all, w.fake->target.password));
        free(all);
        tear_down(&w);
}

static void test_repeats_are_mentioned_by_the_hour(void) {
        Capture c = capture_start();
        unsigned hours = 5;
        char *all;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (uint64_t end = w.now + hours * 3600 * SEC; w.now < end;) {
                fail(&w, REASON_TCP_REFUSED, 0);
                retry(&w);
        }
        all = capture_end(c);
        CHECK_BETWEEN(count(all, "\n"), hours, hours + 1);
        CHECK_INT(count(all, " more attempts have failed since"), count(all, "\n") - 1);
        free(all);
        tear_down(&w);
}

static void test_every_loss_is_logged(void) {
        Capture c = capture_start();
        char *all;
        World w;

        set_up(&w, 0, fixed_random);
        link_start(w.link, w.now);
        for (int i = 0; i < 4; i++) {
                go_online(&w);
                lose(&w, 100 * SEC);
                retry(&w);
        }
        all = capture_end(c);
        CHECK_INT(count(all, "EVENT=offline"), 4);
        CHECK_INT(count(all, "EVENT=online"), 4);
        free(all);
        tear_down(&w);
}

TEST_MAIN(TEST(test_first_attempt_at_once),
          TEST(test_status),
          TEST(test_fresh_credentials),
          TEST(test_attempt_that_cannot_start),
          TEST(test_credentials_later),
          TEST(test_stop_while_waiting_for_credentials),
          TEST(test_no_credentials),
          TEST(test_silence_is_noticed),
          TEST(test_unknown_silence_is_no_silence),
          TEST(test_requests_and_answers),
          TEST(test_messages_that_are_kept_or_not),
          TEST(test_old_epochs_are_ignored),
          TEST(test_dispatch_is_bounded),
          TEST(test_abandon),
          TEST(test_stop_while_offline),
          TEST(test_stop_while_connecting),
          TEST(test_stop_while_online),
          TEST(test_stop_while_closing),
          TEST(test_repeats_are_logged_once),
          TEST(test_repeats_are_mentioned_by_the_hour),
          TEST(test_every_loss_is_logged))
