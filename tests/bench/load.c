/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Load
 *
 *     load json|mqtt SOCKET BROKER_PORT CLIENTS WINDOW COUNT QOS SIZE
 *
 * CLIENTS programs on the Unix socket SOCKET publish COUNT messages of SIZE bytes between them, as
 * JSON lines or as MQTT, each with at most WINDOW of them unanswered. One subscriber at the broker
 * on 127.0.0.1:BROKER_PORT counts what arrives. Prints "SECONDS ARRIVED ANSWERED": from the first
 * write to the last arrival. Gives up when nothing has moved for some seconds.
 *
 * With BROKER_PORT 0 nobody subscribes, and the last answer is the end. With CLIENTS 0 nobody
 * publishes: it says "ready", waits for a first message as long as it takes, and counts from there.
 *
 * One thread and one epoll, so that the load costs the same whatever it is measured against.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mqtt.h"
#include "util/macro.h"

#define TOPIC       "/a1X2bEnP82z/example1/user/bench"
#define BUFFER_SIZE ((size_t)256 * 1024)
#define PATIENCE_MS 5000
#define CLIENTS_MAX 1000

typedef struct Connection {
        int fd;
        bool mqtt, sink;
        bool ready; /* an MQTT connection has its CONNACK, the sink its SUBACK */
        size_t to_send, unanswered;
        uint16_t packet_id;
        uint8_t *in, *out;
        size_t in_size, out_size, out_done;
} Connection;

typedef struct Load {
        Connection connections[CLIENTS_MAX + 1]; /* the last one in use is the sink */
        size_t n_clients, window, count, size;
        int qos;
        bool no_sink;
        char *payload;
        size_t arrived, answered;
        int epoll_fd;
} Load;

static void die(const char *what) {
        fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void die_of(const char *what, const char *text, size_t size) {
        fprintf(stderr, "load: %s: %.*s\n", what, (int)size, text);
        exit(1);
}

static double now(void) {
        struct timespec ts;

        if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
                die("clock_gettime");
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int connect_unix(const char *path) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || strlen(path) >= sizeof(sa.sun_path))
                die("socket");
        memcpy(sa.sun_path, path, strlen(path) + 1);
        if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                die(path);
        return fd;
}

static int connect_tcp(uint16_t port) {
        struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
                die("broker");
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return fd;
}

static void connection_open(Load *load, Connection *c, int fd) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        char id[32];

        c->fd = fd;
        c->in = malloc(BUFFER_SIZE);
        c->out = malloc(BUFFER_SIZE);
        if (!c->in || !c->out)
                die("malloc");
        if (c->mqtt) {
                (void)snprintf(id, sizeof(id), "load%d-%d", getpid(), fd);
                c->out_size = mqtt_connect(c->out, id);
        } else
                c->ready = true;
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
            epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                die("epoll");
}

static void put_message(const Load *load, Connection *c) {
        int n;

        if (c->mqtt) {
                c->packet_id = (uint16_t)(c->packet_id % UINT16_MAX + 1);
                c->out_size += mqtt_publish(c->out + c->out_size, TOPIC, load->payload, load->size,
                                            load->qos, c->packet_id);
                return;
        }
        n = snprintf((char *)c->out + c->out_size, BUFFER_SIZE - c->out_size,
                     "{\"op\":\"pub\",\"id\":%zu,\"topic\":\"" TOPIC
                     "\",\"payload\":\"%s\",\"qos\":%d}\n",
                     c->to_send, load->payload, load->qos);
        c->out_size += (size_t)n;
}

/* MQTT answers QoS 1 only; there the socket alone limits QoS 0. */
static bool answers(const Load *load, const Connection *c) {
        return !c->mqtt || load->qos > 0;
}

/* Writes until the window or the socket is full. */
static void connection_write(const Load *load, Connection *c) {
        size_t room = load->size + sizeof(TOPIC) + 128;

        for (;;) {
                while (c->ready && c->to_send > 0 && c->unanswered < load->window &&
                       c->out_size + room <= BUFFER_SIZE) {
                        put_message(load, c);
                        c->to_send--;
                        if (answers(load, c))
                                c->unanswered++;
                }
                if (c->out_done == c->out_size)
                        return;

                ssize_t n = send(c->fd, c->out + c->out_done, c->out_size - c->out_done,
                                 MSG_NOSIGNAL);
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0)
                        die("send");
                c->out_done += (size_t)n;
                if (c->out_done == c->out_size)
                        c->out_done = c->out_size = 0;
        }
}

static void answer(Load *load, Connection *c) {
        if (c->unanswered == 0)
                die_of("an answer too many", "", 0);
        c->unanswered--;
        load->answered++;
}

static size_t take_line(Load *load, Connection *c, const uint8_t *data, size_t size) {
        static const char good[] = "{\"op\":\"ack\"";
        const uint8_t *end = memchr(data, '\n', size);

        if (!end)
                return 0;
        if (size < sizeof(good) || memcmp(data, good, sizeof(good) - 1) != 0)
                die_of("refused", (const char *)data, (size_t)(end - data));
        answer(load, c);
        return (size_t)(end - data) + 1;
}

static size_t take_packet(Load *load, Connection *c, const uint8_t *data, size_t size) {
        int kind = 0;
        size_t n = mqtt_packet(data, size, &kind);

        if (n == 0)
                return 0;
        if (kind == MQTT_CONNACK && c->sink)
                c->out_size += mqtt_subscribe(c->out + c->out_size, TOPIC);
        else if (kind == MQTT_CONNACK || kind == MQTT_SUBACK)
                c->ready = true;
        else if (kind == MQTT_PUBLISH)
                load->arrived++;
        else if (kind == MQTT_PUBACK)
                answer(load, c);
        return n;
}

static void connection_read(Load *load, Connection *c) {
        for (;;) {
                ssize_t n = recv(c->fd, c->in + c->in_size, BUFFER_SIZE - c->in_size, 0);
                size_t done = 0, step;

                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0)
                        die("the other side hung up");
                c->in_size += (size_t)n;
                do {
                        step = (c->mqtt ? take_packet : take_line)(load, c, c->in + done,
                                                                   c->in_size - done);
                        done += step;
                } while (step > 0 && done < c->in_size);
                memmove(c->in, c->in + done, c->in_size - done);
                c->in_size -= done;
        }
}

/* One round; false when nothing moved for @patience_ms (-1: for ever). */
static bool load_step(Load *load, int patience_ms) {
        struct epoll_event events[64];
        int n = epoll_wait(load->epoll_fd, events, ARRAY_SIZE(events), patience_ms);

        if (n < 0 && errno != EINTR)
                die("epoll_wait");
        for (int i = 0; i < n; i++) {
                Connection *c = events[i].data.ptr;

                if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                        connection_read(load, c);
                connection_write(load, c);
        }
        return n > 0;
}

static bool all_ready(const Load *load) {
        for (size_t i = 0; i <= load->n_clients; i++)
                if (!load->connections[i].ready)
                        return false;
        return true;
}

static size_t done(const Load *load) {
        return load->no_sink ? load->answered : load->arrived;
}

static void begin(Load *load) {
        for (size_t i = 0; i < load->n_clients; i++) {
                Connection *c = &load->connections[i];

                c->to_send = load->count / load->n_clients;
                connection_write(load, c);
        }
        if (load->n_clients > 0)
                return;
        (void)puts("ready");
        (void)fflush(stdout);
        while (load->arrived == 0)
                (void)load_step(load, -1);
}

static double load_run(Load *load) {
        double began, last;
        size_t seen = 0;

        while (!all_ready(load))
                if (!load_step(load, PATIENCE_MS))
                        die_of("no CONNACK or SUBACK", "", 0);

        began = now();
        begin(load);
        if (load->n_clients == 0)
                began = now();
        last = began;
        while (done(load) < load->count && load_step(load, PATIENCE_MS))
                if (done(load) > seen) {
                        seen = done(load);
                        last = now();
                }
        return last - began;
}

static void load_free(Load *load) {
        for (size_t i = 0; i <= load->n_clients; i++) {
                closep(&load->connections[i].fd);
                free(load->connections[i].in);
                free(load->connections[i].out);
        }
        closep(&load->epoll_fd);
        free(load->payload);
        free(load);
}

static size_t number(const char *s) {
        char *end;
        unsigned long value = strtoul(s, &end, 10);

        if (*end || value > 1000UL * 1000 * 1000)
                die_of("not a number", s, strlen(s));
        return value;
}

static Load *load_new(char **words) {
        Load *load = calloc(1, sizeof(*load));

        if (!load)
                die("malloc");
        load->n_clients = number(words[3]);
        load->window = number(words[4]);
        load->count = number(words[5]);
        load->qos = (int)number(words[6]);
        load->size = number(words[7]);
        if (load->n_clients > CLIENTS_MAX || load->size > BUFFER_SIZE / 4 ||
            (load->n_clients > 0 && load->count % load->n_clients != 0))
                die_of("COUNT must be a multiple of CLIENTS, SIZE small", "", 0);
        load->payload = calloc(1, load->size + 1);
        load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (!load->payload || load->epoll_fd < 0)
                die("epoll");
        memset(load->payload, 'x', load->size);
        return load;
}

static void load_connect(Load *load, bool mqtt, const char *path, uint16_t port) {
        Connection *sink = &load->connections[load->n_clients];

        for (Connection *c = load->connections; c < sink; c++) {
                c->mqtt = mqtt;
                connection_open(load, c, connect_unix(path));
        }
        if (port == 0) {
                *sink = (Connection){.fd = -1, .ready = true};
                load->no_sink = true;
                return;
        }
        sink->mqtt = sink->sink = true;
        connection_open(load, sink, connect_tcp(port));
}

int main(int argc, char **argv) {
        double seconds;

        if (argc != 9) {
                (void)fputs("load json|mqtt SOCKET BROKER_PORT CLIENTS WINDOW COUNT QOS SIZE\n",
                            stderr);
                return 64;
        }

        Load *load = load_new(argv + 1);
        load_connect(load, strcmp(argv[1], "mqtt") == 0, argv[2], (uint16_t)number(argv[3]));
        seconds = load_run(load);
        printf("%.6f %zu %zu\n", seconds, load->arrived, load->answered);
        load_free(load);
        return 0;
}
