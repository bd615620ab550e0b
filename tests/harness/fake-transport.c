/* SPDX-License-Identifier: Apache-2.0 */
#include "fake-transport.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "cloud/target.h"
#include "test.h"

static FakeTransport *from_base(Transport *base) {
        union {
                Transport *base;
                FakeTransport *fake;
        } u = {.base = base};

        return u.fake;
}

static void op_set_keeper(Transport *base, const TransportKeeper *keeper) {
        from_base(base)->keeper = *keeper;
}

static int op_connect(Transport *base, const TransportTarget *target, uint64_t *ret_epoch) {
        FakeTransport *fake = from_base(base);

        CHECK(!fake->open && !fake->closing);
        fake->n_connects++;
        if (fake->connect_error < 0)
                return fake->connect_error;
        target_done(&fake->target);
        CHECK_INT(target_copy(target, &fake->target), 0);
        fake->open = true;
        *ret_epoch = ++fake->epoch;
        return 0;
}

static void op_close(Transport *base) {
        FakeTransport *fake = from_base(base);

        CHECK(!fake->closing);
        fake->n_closes++;
        fake->closing = true;
}

static int request(
                Transport *base, FakeRequestKind kind, uint64_t token, const char *topic, int qos) {
        FakeTransport *fake = from_base(base);

        CHECK(fake->open && !fake->closing);
        if (fake->request_error < 0)
                return fake->request_error;
        CHECK(fake->n_requests < FAKE_REQUESTS_MAX);
        fake->requests[fake->n_requests] = (FakeRequest){
                        .kind = kind, .epoch = fake->epoch, .token = token, .qos = qos};
        (void)snprintf(fake->requests[fake->n_requests].topic, sizeof(fake->requests[0].topic),
                       "%s", topic);
        fake->n_requests++;
        return 0;
}

static int op_publish(Transport *base, uint64_t token, Message *message, int qos) {
        FakeTransport *fake = from_base(base);
        int r = request(base, FAKE_PUBLISH, token, message_topic(message), qos);

        if (r == 0) {
                FakeRequest *last = &fake->requests[fake->n_requests - 1];
                size_t size = message_payload_size(message);

                if (size >= sizeof(last->payload))
                        size = sizeof(last->payload) - 1;
                memcpy(last->payload, message_payload(message), size);
        }
        return r;
}

static int op_subscribe(Transport *base, uint64_t token, const char *filter, int qos) {
        return request(base, FAKE_SUBSCRIBE, token, filter, qos);
}

static int op_unsubscribe(Transport *base, uint64_t token, const char *filter) {
        return request(base, FAKE_UNSUBSCRIBE, token, filter, 0);
}

static uint64_t op_silence_usec(Transport *base) {
        return from_base(base)->silence_usec;
}

static uint64_t op_stall_usec(Transport *base) {
        return from_base(base)->stall_usec;
}

static int op_fd(Transport *base) {
        return from_base(base)->fd;
}

static int op_next(Transport *base, TransportEvent *ret_event) {
        FakeTransport *fake = from_base(base);

        if (fake->first == fake->n_events) {
                eventfd_t ignored;

                fake->first = fake->n_events = 0;
                (void)eventfd_read(fake->fd, &ignored);
                return 0;
        }
        *ret_event = fake->events[fake->first++];
        return 1;
}

static Transport *op_free(Transport *base) {
        FakeTransport *fake = from_base(base);

        for (size_t i = fake->first; i < fake->n_events; i++)
                message_unref(fake->events[i].message);
        free(fake->events);
        target_done(&fake->target);
        (void)close(fake->fd);
        free(fake);
        return NULL;
}

static const TransportOps ops = {
                .set_keeper = op_set_keeper,
                .connect = op_connect,
                .close = op_close,
                .publish = op_publish,
                .subscribe = op_subscribe,
                .unsubscribe = op_unsubscribe,
                .silence_usec = op_silence_usec,
                .stall_usec = op_stall_usec,
                .fd = op_fd,
                .next = op_next,
                .free = op_free,
};

FakeTransport *fake_transport_new(void) {
        FakeTransport *fake = calloc(1, sizeof(*fake));

        CHECK(fake);
        fake->base.ops = &ops;
        fake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        CHECK(fake->fd >= 0);
        return fake;
}

void fake_push(FakeTransport *fake, TransportEvent event) {
        if (fake->n_events == fake->size) {
                fake->size = fake->size ? fake->size * 2 : 64;
                fake->events = reallocarray(fake->events, fake->size, sizeof(event));
                CHECK(fake->events);
        }
        fake->events[fake->n_events++] = event;
        CHECK(eventfd_write(fake->fd, 1) == 0);
}

static void push(FakeTransport *fake, TransportEvent event) {
        event.epoch = fake->epoch;
        fake_push(fake, event);
}

void fake_connected(FakeTransport *fake, bool session_present) {
        push(fake,
             (TransportEvent){.kind = TRANSPORT_CONNECTED, .session_present = session_present});
}

void fake_failed(FakeTransport *fake, Reason reason, int code) {
        fake->open = false;
        push(fake, (TransportEvent){.kind = TRANSPORT_FAILED, .reason = reason, .code = code});
}

void fake_lost(FakeTransport *fake, Reason reason) {
        fake->open = false;
        push(fake, (TransportEvent){.kind = TRANSPORT_LOST, .reason = reason});
}

void fake_closed(FakeTransport *fake) {
        CHECK(fake->closing);
        fake->closing = fake->open = false;
        push(fake, (TransportEvent){.kind = TRANSPORT_CLOSED});
}

void fake_published(FakeTransport *fake, uint64_t token, bool ok) {
        push(fake, (TransportEvent){.kind = ok ? TRANSPORT_PUBLISHED : TRANSPORT_UNPUBLISHED,
                                    .token = token});
}

void fake_subscribed(FakeTransport *fake, uint64_t token, int code) {
        push(fake, (TransportEvent){.kind = TRANSPORT_SUBSCRIBED, .token = token, .code = code});
}

void fake_message(FakeTransport *fake, const char *topic, const char *payload, int qos) {
        TransportEvent event = {.kind = TRANSPORT_MESSAGE};
        int r = 0;

        CHECK_INT(message_new(&event.message, topic, payload, strlen(payload), qos), 0);
        if (qos > 0 && fake->keeper.keep)
                r = fake->keeper.keep(fake->keeper.userdata, fake->epoch, event.message,
                                      &event.kept);
        if (r < 0) {
                message_unref(event.message);
                event = (TransportEvent){.kind = TRANSPORT_WITHHELD, .code = r};
        }
        push(fake, event);
}

void fake_forget(FakeTransport *fake) {
        fake->n_requests = 0;
}

const char *fake_requests(FakeTransport *fake) {
        static char line[16384];
        size_t used = 0;

        line[0] = '\0';
        for (size_t i = 0; i < fake->n_requests; i++) {
                const FakeRequest *r = &fake->requests[i];
                int n = 0;

                switch (r->kind) {
                case FAKE_PUBLISH:
                        n = snprintf(line + used, sizeof(line) - used, "pub %s=%s/%d ", r->topic,
                                     r->payload, r->qos);
                        break;
                case FAKE_SUBSCRIBE:
                        n = snprintf(line + used, sizeof(line) - used, "sub %s/%d ", r->topic,
                                     r->qos);
                        break;
                case FAKE_UNSUBSCRIBE:
                        n = snprintf(line + used, sizeof(line) - used, "unsub %s ", r->topic);
                        break;
                }
                CHECK(n > 0 && (size_t)n < sizeof(line) - used);
                used += (size_t)n;
        }
        fake_forget(fake);
        return line;
}

uint64_t fake_token(const FakeTransport *fake, const char *topic) {
        size_t i = fake->n_requests;

        while (i > 0 && strcmp(fake->requests[i - 1].topic, topic) != 0)
                i--;
        CHECK(i > 0); /* else nothing was asked for this topic */
        return fake->requests[i - 1].token;
}
