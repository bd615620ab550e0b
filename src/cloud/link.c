/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OFFLINE --(retry_at)--> CONNECTING --> ONLINE --> OFFLINE ...
 *
 * Every attempt makes fresh credentials. Its end, whatever it was, has a reason; the reason's class
 * gives the range of the next delay. The delay starts afresh when the class changes and after a
 * connection that lasted; a server that takes us and throws us out at once gains nothing by it.
 *
 * link-log.c says it to people.
 */
#include "cloud/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cloud/link-log.h"
#include "util/clock.h"
#include "util/rate.h"

/* How long a connection must last to count as stable. */
#define STABLE_USEC (60 * USEC_PER_SEC)

/* So many connections in a row, closed by the server so soon, look like a twin. */
#define TWIN_LIVES     3U
#define TWIN_LIFE_USEC (30 * USEC_PER_SEC)

/* The platform counts CONNECTs by the minute; a little more for its clock and the way there. */
#define CONNECTS_PERIOD_USEC (62 * USEC_PER_SEC)

/* Handled in one go, so that the sockets of local programs get their turn. */
#define DISPATCH_MAX 256

static const BackoffRange trust_range = {10 * USEC_PER_SEC, 300 * USEC_PER_SEC};
static const BackoffRange refused_range = {30 * USEC_PER_SEC, 1800 * USEC_PER_SEC};
static const BackoffRange twin_range = {120 * USEC_PER_SEC, 600 * USEC_PER_SEC};

struct Link {
        Transport *transport;
        const LinkConfig *config;
        const LinkHandler *handler;
        void *userdata;
        uint32_t (*random)(void);

        LinkState state;
        uint64_t since_wall_msec;
        bool closing;  /* CLOSED is on its way; no attempt before it */
        bool awaiting; /* credentials, while CONNECTING */

        /* the attempt, or the connection */
        Credentials credentials;
        uint16_t port; /* of this attempt: the root's or the credentials' */
        uint64_t epoch;
        bool session_present;
        char tls_version[16];
        uint64_t online_at_usec, watch_at_usec;

        /* trying again */
        const LinkRoot *tried; /* NULL without TLS */
        Rate connects;
        uint64_t n_connects;
        size_t root; /* index in config->roots */
        size_t n_roots_failed;
        uint64_t retry_at_usec;
        uint64_t delay_usec;
        ReasonClass delay_class;
        unsigned n_failures, n_short_lives;
        bool renewed; /* new credentials were asked for since it was online */
        Reason reason, last_refusal;
        uint64_t last_refusal_wall_msec;
        char detail[REASON_DETAIL_MAX], last_refusal_detail[REASON_DETAIL_MAX];

        LinkLog log;
};

int link_new(Link **ret,
             Transport *take_transport,
             const LinkConfig *config,
             const LinkHandler *handler,
             void *userdata,
             uint32_t (*random)(void)) {
        _cleanup_(freep) Link *link = calloc(1, sizeof(*link));
        int r;

        if (!link)
                return -ENOMEM;
        r = rate_init(&link->connects, config->connects_per_minute, CONNECTS_PERIOD_USEC);
        if (r < 0)
                return r;
        link->transport = take_transport;
        link->config = config;
        link->handler = handler;
        link->userdata = userdata;
        link->random = random;
        link->state = LINK_OFFLINE;
        link->since_wall_msec = clock_wall_msec();
        link->retry_at_usec = USEC_INFINITY;
        *ret = TAKE_PTR(link);
        return 0;
}

Link *link_free(Link *link) {
        if (!link)
                return NULL;
        transport_free(link->transport);
        credentials_done(&link->credentials);
        rate_done(&link->connects);
        free(link);
        return NULL;
}

void link_release_transport(Link *link) {
        link->transport = NULL;
}

void link_set_keeper(Link *link, const TransportKeeper *keeper) {
        link->transport->ops->set_keeper(link->transport, keeper);
}

static const LinkRoot *current_root(const Link *link) {
        if (!link->credentials.tls || link->config->n_roots == 0)
                return NULL;
        return &link->config->roots[link->root];
}

void link_status(const Link *link, LinkStatus *ret) {
        *ret = (LinkStatus){
                        .state = link->state,
                        .since_wall_msec = link->since_wall_msec,
                        .host = link->credentials.host,
                        .port = link->port,
                        .tls = link->credentials.tls,
                        .root_file = link->tried ? link->tried->file : NULL,
                        .last_refusal = link->last_refusal,
                        .last_refusal_wall_msec = link->last_refusal_wall_msec,
                        .last_refusal_detail = link->last_refusal_detail,
                        .tls_version = link->state == LINK_ONLINE ? link->tls_version : "",
                        .session_present = link->session_present,
                        .reason = link->reason,
                        .detail = link->detail,
                        .retry_at_usec = link->retry_at_usec,
                        .n_failures = link->n_failures,
                        .n_connects = link->n_connects,
        };
}

bool link_is_online(const Link *link) {
        return link->state == LINK_ONLINE;
}

static void set_state(Link *link, LinkState state) {
        if (link->state != state) {
                link->state = state;
                link->since_wall_msec = clock_wall_msec();
        }
        link->handler->changed(link->userdata);
}

/* Trying again */

static BackoffRange range_of(const Link *link, ReasonClass class) {
        switch (class) {
        case REASON_CLASS_TRUST:
                return trust_range;
        case REASON_CLASS_REFUSED:
                return refused_range;
        case REASON_CLASS_TWIN:
                return twin_range;
        case REASON_CLASS_NETWORK:
        default:
                return link->config->network;
        }
}

/* A root that does not fit may only need its neighbor: true while there is one not tried yet. */
static bool try_next_root(Link *link, Reason reason) {
        if (link->config->n_roots < 2 || !link->credentials.tls)
                return false;
        if (reason_class(reason) != REASON_CLASS_TRUST && reason != REASON_TCP_REFUSED &&
            reason != REASON_TCP_TIMEOUT && reason != REASON_TLS_FAILED &&
            reason != REASON_TLS_TIMEOUT && reason != REASON_NOT_TLS &&
            reason != REASON_CAPTIVE_PORTAL)
                return false;
        link->root = (link->root + 1) % link->config->n_roots;
        if (++link->n_roots_failed < link->config->n_roots)
                return true;
        link->n_roots_failed = 0;
        return false;
}

/* The first refusal of credentials that end may only mean that they have: new ones at once. */
static bool try_new_credentials(Link *link, Reason reason) {
        bool first = !link->renewed;

        if (!link->config->source.renews ||
            (reason != REASON_REFUSED_UNAVAILABLE && reason != REASON_REFUSED_CREDENTIALS &&
             reason != REASON_REFUSED_NOT_AUTHORIZED))
                return false;
        link->renewed = true;
        return first;
}

static void schedule(Link *link, Reason reason, uint64_t now_usec) {
        ReasonClass class = reason_class(reason);
        /* The next root is tried at once; only a whole round of them is a failure that counts. */
        uint64_t wait, delay = 0;

        if (reason == REASON_RELOADED)
                link->delay_usec = 0;
        else if (!try_next_root(link, reason) && !try_new_credentials(link, reason)) {
                if (class != link->delay_class)
                        link->delay_usec = 0;
                link->delay_class = class;
                delay = link->delay_usec = backoff_next_usec(range_of(link, class),
                                                             link->delay_usec, link->random());
        }
        /* The budget is asked now too, so that the time we tell people is the true one. */
        wait = rate_wait_usec(&link->connects, now_usec);
        link->retry_at_usec = now_usec + (wait > delay ? wait : delay);
}

/* What a connection proves by how long it lasted, whoever ended it. */
static void count_life(Link *link, uint64_t life_usec) {
        if (life_usec >= STABLE_USEC)
                link->delay_usec = 0;
        if (life_usec >= TWIN_LIFE_USEC)
                link->n_short_lives = 0;
}

static void go_offline(Link *link, Reason reason, const char *detail, uint64_t now_usec) {
        bool was_online = link->state == LINK_ONLINE;
        LinkStatus status;

        link->reason = reason;
        (void)snprintf(link->detail, sizeof(link->detail), "%s", detail);
        link->n_failures += reason != REASON_RELOADED;
        if (was_online)
                count_life(link, now_usec - link->online_at_usec);
        schedule(link, reason, now_usec);
        link->state = LINK_OFFLINE;
        link->since_wall_msec = was_online ? clock_wall_msec() : link->since_wall_msec;

        link_status(link, &status);
        link_log_end(&link->log, &status, was_online, now_usec);
        link->handler->changed(link->userdata);
}

static void note_refusal(Link *link, Reason reason, const char *detail) {
        link->last_refusal = reason;
        link->last_refusal_wall_msec = clock_wall_msec();
        (void)snprintf(link->last_refusal_detail, sizeof(link->last_refusal_detail), "%s", detail);
}

static int start_attempt(Link *link) {
        const LinkConfig *config = link->config;
        const Credentials *credentials = &link->credentials;
        const LinkRoot *root = link->tried;
        const TransportTarget target = {
                        .host = credentials->host,
                        .port = link->port,
                        .tls = credentials->tls,
                        .root_file = root ? root->file : NULL,
                        .certificate_file = config->certificate_file,
                        .key_file = config->key_file,
                        .client_id = credentials->client_id,
                        .username = credentials->username,
                        .password = credentials->password,
                        .keepalive_sec = config->keepalive_sec,
                        .timeout_sec = config->connect_timeout_sec,
        };

        return link->transport->ops->connect(link->transport, &target, &link->epoch);
}

/* Connects with what the source has given. */
static void use_credentials(Link *link, Credentials *take, uint64_t now_usec) {
        const LinkRoot *root;
        LinkStatus status;
        int r;

        credentials_done(&link->credentials);
        link->credentials = *take;
        *take = (Credentials){0};
        root = link->tried = current_root(link);
        link->port = root && root->port != 0 && !link->credentials.port_fixed
                                     ? root->port
                                     : link->credentials.port;

        (void)rate_take(&link->connects, now_usec);
        link->n_connects++;
        r = start_attempt(link);
        if (r < 0) {
                go_offline(link, REASON_INTERNAL, r == -ENOMEM ? "out of memory" : "", now_usec);
                return;
        }
        link_status(link, &status);
        link_log_attempt(&status);
}

static void attempt(Link *link, uint64_t now_usec) {
        uint64_t wait = rate_wait_usec(&link->connects, now_usec);
        const LinkSource *source = &link->config->source;
        _cleanup_(credentials_done) Credentials credentials = {0};
        int r;

        if (wait > 0) {
                link->retry_at_usec = now_usec + wait;
                return;
        }
        link->retry_at_usec = USEC_INFINITY;
        /* "Since" stays that of being offline until there is a connection. */
        link->state = LINK_CONNECTING;
        r = source->get(source->userdata, link->reason, &credentials);
        if (r > 0)
                use_credentials(link, &credentials, now_usec);
        else if (r == 0) {
                link->awaiting = true;
                if (source->connects)
                        (void)rate_take(&link->connects, now_usec);
        } else
                go_offline(link, REASON_INTERNAL,
                           r == -ENOMEM ? "out of memory" : "no credentials could be made",
                           now_usec);
        link->handler->changed(link->userdata);
}

bool link_awaits(const Link *link) {
        return link->awaiting;
}

void link_offer(Link *link, Credentials *take, uint64_t now_usec) {
        uint64_t wait = rate_wait_usec(&link->connects, now_usec);

        if (!link->awaiting)
                return; /* stopped meanwhile */
        link->awaiting = false;
        if (wait == 0) {
                use_credentials(link, take, now_usec);
                return;
        }
        /* Getting them has used the budget up. The source is asked again then: these would age. */
        credentials_done(take);
        link->state = LINK_OFFLINE;
        link->retry_at_usec = now_usec + wait;
        link->handler->changed(link->userdata);
}

void link_deny(Link *link, Reason reason, const char *detail, uint64_t now_usec) {
        if (!link->awaiting)
                return;
        link->awaiting = false;
        if (reason_class(reason) == REASON_CLASS_REFUSED)
                note_refusal(link, reason, detail);
        go_offline(link, reason, detail, now_usec);
}

void link_start(Link *link, uint64_t now_usec) {
        if (link->state == LINK_OFFLINE && !link->closing)
                attempt(link, now_usec);
}

void link_stop(Link *link) {
        bool was_online = link->state == LINK_ONLINE;

        if (link->state == LINK_STOPPING || link->state == LINK_STOPPED)
                return;
        link->retry_at_usec = USEC_INFINITY;
        link->awaiting = false;
        link->reason = REASON_STOPPED;
        link->detail[0] = '\0';
        if (!link->closing)
                link->transport->ops->close(link->transport);
        link->closing = true;
        /* Only a server that knows us is worth waiting for. */
        set_state(link, was_online ? LINK_STOPPING : LINK_STOPPED);
}

void link_abandon(Link *link, Reason reason, uint64_t now_usec) {
        if (link->state != LINK_ONLINE || link->closing)
                return;
        link->closing = true;
        link->transport->ops->close(link->transport);
        go_offline(link, reason, "", now_usec);
}

/* Ends what is under way: the next attempt starts at once, as if it were the first. */
static void start_over(Link *link, uint64_t now_usec) {
        bool open = link->state == LINK_ONLINE ||
                    (link->state == LINK_CONNECTING && !link->awaiting);

        if (link->state == LINK_STOPPING || link->state == LINK_STOPPED)
                return;
        if (open && !link->closing) {
                link->closing = true;
                link->transport->ops->close(link->transport);
        }
        link->awaiting = false;
        link->renewed = false;
        link->n_failures = link->n_short_lives = 0;
        link->root = link->n_roots_failed = 0;
        if (link->state == LINK_ONLINE) {
                go_offline(link, REASON_RELOADED, "", now_usec);
                return;
        }
        schedule(link, REASON_RELOADED, now_usec);
        set_state(link, LINK_OFFLINE);
}

int link_set_config(Link *link, const LinkConfig *config, bool reconnect, uint64_t now_usec) {
        int r = rate_set_max(&link->connects, config->connects_per_minute);

        if (r < 0)
                return r;
        if (reconnect)
                link->tried = NULL;
        else if (link->tried) /* the same roots in another place */
                link->tried = &config->roots[link->tried - link->config->roots];
        link->config = config;
        if (reconnect)
                start_over(link, now_usec);
        return 0;
}

/* The cloud's events */

/* Nothing may be heard for 1.5 keepalives (§3.1.2.10); a little before that it is dead to us. */
static uint64_t silence_limit_usec(const Link *link) {
        return link->config->keepalive_sec * USEC_PER_SEC * 145 / 100;
}

static void on_connected(Link *link, const TransportEvent *event, uint64_t now_usec) {
        LinkStatus status;

        link->session_present = event->session_present;
        (void)snprintf(link->tls_version, sizeof(link->tls_version), "%.15s", event->detail);
        link->online_at_usec = now_usec;
        link->watch_at_usec = now_usec + silence_limit_usec(link);
        link->n_roots_failed = 0;
        link->n_failures = 0;
        link->renewed = false;
        link->reason = REASON_NONE;
        link->detail[0] = '\0';
        link->state = LINK_ONLINE;
        link->since_wall_msec = clock_wall_msec();

        link_status(link, &status);
        link_log_online(&link->log, &status, link->credentials.client_id);
        link->handler->changed(link->userdata);
}

static void on_lost(Link *link, const TransportEvent *event, uint64_t now_usec) {
        Reason reason = event->reason;

        if (now_usec - link->online_at_usec < TWIN_LIFE_USEC && ++link->n_short_lives >= TWIN_LIVES)
                reason = REASON_TWIN;
        go_offline(link, reason, event->detail, now_usec);
}

static void on_closed(Link *link) {
        link->closing = false;
        if (link->state == LINK_STOPPING)
                set_state(link, LINK_STOPPED);
}

static bool is_end(TransportEventKind kind) {
        return kind == TRANSPORT_FAILED || kind == TRANSPORT_LOST || kind == TRANSPORT_CONNECTED;
}

static void on_event(Link *link, const TransportEvent *event, uint64_t now_usec) {
        void *userdata = link->userdata;

        if (event->kind == TRANSPORT_CLOSED) {
                on_closed(link);
                return;
        }
        if (event->kind == TRANSPORT_MESSAGE) {
                /* Acknowledged by now, so it is handed on whatever became of the connection. */
                link->handler->message(userdata, event->message, event->kept);
                return;
        }
        /* While closing, the connection is over for us: nothing of it counts any more. */
        if (event->epoch != link->epoch || link->closing)
                return;
        if (is_end(event->kind) ? link->state == LINK_OFFLINE : link->state != LINK_ONLINE)
                return;

        switch (event->kind) {
        case TRANSPORT_CONNECTED:
                on_connected(link, event, now_usec);
                break;
        case TRANSPORT_FAILED:
                if (event->code > 0)
                        note_refusal(link, event->reason, "");
                go_offline(link, event->reason, event->detail, now_usec);
                break;
        case TRANSPORT_LOST:
                on_lost(link, event, now_usec);
                break;
        case TRANSPORT_PUBLISHED:
                link->handler->published(userdata, event->token, true);
                break;
        case TRANSPORT_UNPUBLISHED:
                link->handler->published(userdata, event->token, false);
                break;
        case TRANSPORT_SUBSCRIBED:
                link->handler->subscribed(userdata, event->token, event->code);
                break;
        case TRANSPORT_UNSUBSCRIBED:
                link->handler->unsubscribed(userdata, event->token);
                break;
        case TRANSPORT_WITHHELD:
                link->handler->withheld(userdata, event->code);
                break;
        case TRANSPORT_CLOSED:
        case TRANSPORT_MESSAGE:
        default:
                break;
        }
}

int link_fd(const Link *link) {
        return link->transport->ops->fd(link->transport);
}

void link_dispatch(Link *link, uint64_t now_usec) {
        for (int i = 0; i < DISPATCH_MAX; i++) {
                TransportEvent event;

                if (link->transport->ops->next(link->transport, &event) == 0)
                        return;
                on_event(link, &event, now_usec);
                message_unref(event.message);
        }
}

/* Time */

uint64_t link_deadline_usec(const Link *link) {
        if (link->state == LINK_OFFLINE && !link->closing)
                return link->retry_at_usec;
        if (link->state == LINK_ONLINE)
                return link->watch_at_usec;
        return USEC_INFINITY;
}

static void watch(Link *link, uint64_t now_usec) {
        uint64_t silence = link->transport->ops->silence_usec(link->transport);
        uint64_t limit = silence_limit_usec(link);

        if (silence >= limit)
                link_abandon(link, REASON_KEEPALIVE_TIMEOUT, now_usec);
        else
                link->watch_at_usec = now_usec + limit - silence;
}

void link_tick(Link *link, uint64_t now_usec) {
        if (now_usec < link_deadline_usec(link))
                return;
        if (link->state == LINK_ONLINE)
                watch(link, now_usec);
        else if (link->state == LINK_OFFLINE && !link->closing)
                attempt(link, now_usec);
}

uint64_t link_stall_usec(Link *link) {
        return link->transport->ops->stall_usec(link->transport);
}

/* Requests */

int link_publish(Link *link, uint64_t token, Message *message, int qos) {
        if (link->state != LINK_ONLINE)
                return -ENOTCONN;
        return link->transport->ops->publish(link->transport, token, message, qos);
}

int link_subscribe(Link *link, uint64_t token, const char *filter, int qos) {
        if (link->state != LINK_ONLINE)
                return -ENOTCONN;
        return link->transport->ops->subscribe(link->transport, token, filter, qos);
}

int link_unsubscribe(Link *link, uint64_t token, const char *filter) {
        if (link->state != LINK_ONLINE)
                return -ENOTCONN;
        return link->transport->ops->unsubscribe(link->transport, token, filter);
}
