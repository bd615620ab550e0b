/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Registration over MQTT
 *
 * The CONNECT is the request, and the platform publishes the reply without being asked: nothing is
 * subscribed. We hang up once we have it, as the platform wants it. The library says only that a
 * connection failed, not why: so the way to the server is tried by itself before.
 */

#include "helper/register-mqtt.h"

#include <MQTTClient.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "helper/explain.h"
#include "helper/https.h"
#include "helper/registration.h"
#include "util/clock.h"
#include "util/file.h"

#define CONNECT_SEC   10
#define REPLY_SEC     20U
#define DISCONNECT_MS 1000
#define PORT_DEFAULT  8883
#define KEEPALIVE_SEC 60
#define CODE_MAX      999999U
#define REPLY_CODE_OK 200U

static const Explanation nowhere = {RESULT_REFUSED, "nothing says where it is",
                                    "Set cloud.region, cloud.instance_id or cloud.endpoint"};
static const Explanation no_connack = {RESULT_TEMPORARY,
                                       "it took the connection but did not answer CONNECT",
                                       "Check that an MQTT broker listens at this port"};
static const Explanation closed = {RESULT_TEMPORARY,
                                   "it closed the connection before it sent the device's secret",
                                   "If it repeats, look at the device's log in the console"};
static const Explanation silent = {RESULT_TEMPORARY,
                                   "it accepted the registration but sent nothing",
                                   "If it repeats, look at the device's log in the console"};
static const Explanation incomplete = {
                RESULT_TEMPORARY, "its reply to the registration lacks what was asked for",
                "Check that cloud.auth is what the console shows for the product"};
static const Explanation foreign = {RESULT_REFUSED, "its reply is for another device",
                                    "Check identity.product_key and identity.device_name"};

typedef struct Session {
        const Request *request;
        char *host; /* also how messages call it */
        char *uri;
        char *client_id;
        char *username;
        Registration registration;
        MQTTClient client;
} Session;

static void session_done(Session *s) {
        if (s->client)
                MQTTClient_destroy(&s->client);
        registration_done(&s->registration);
        free(s->host);
        free(s->uri);
        free(s->client_id);
        free(s->username);
        *s = (Session){0};
}

int register_mqtt_client_id(const Request *request, const char *random, char **ret) {
        const char *id = request->instance_id;
        bool is_free = request->auth == REQUEST_AUTH_REGISTER_FREE;

        /* Instances take registration without a device created before only in a mode of its own. */
        if (asprintf(ret, "%s|securemode=%d,authType=%s,random=%s,signmethod=%s%s%s|",
                     request->client_id, is_free && id ? -2 : 2, is_free ? "regnwl" : "register",
                     random, sign_method_to_string(request->sign_method), id ? ",instanceId=" : "",
                     id ? id : "") < 0)
                return -ENOMEM;
        return 0;
}

/* Returns 1; 0 when nothing says where the broker is; or -ENOMEM. */
static int find_host(const Request *request, char **ret) {
        int r;

        if (request->host)
                r = asprintf(ret, "%s", request->host);
        else if (request->instance_id)
                r = asprintf(ret, "%s.mqtt.iothub.aliyuncs.com", request->instance_id);
        else if (request->region)
                r = asprintf(ret, "%s.iot-as-mqtt.%s.aliyuncs.com", request->product_key,
                             request->region);
        else
                return 0;
        return r < 0 ? -ENOMEM : 1;
}

static uint16_t find_port(const Request *request) {
        if (request->port)
                return request->port;
        return request->broker_port ? request->broker_port : PORT_DEFAULT;
}

static int session_prepare(Session *s) {
        bool v6 = strchr(s->host, ':');
        int r;

        if (asprintf(&s->uri, "ssl://%s%s%s:%u", v6 ? "[" : "", s->host, v6 ? "]" : "",
                     find_port(s->request)) < 0 ||
            asprintf(&s->username, "%s&%s", s->request->device_name, s->request->product_key) < 0)
                return -ENOMEM;
        r = registration_make(s->request, NULL, &s->registration);
        if (r < 0)
                return r;
        return register_mqtt_client_id(s->request, s->registration.random, &s->client_id);
}

/* Returns the library's code: 0, a CONNACK's, or a negative one. */
static int session_connect(Session *s) {
        MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
        MQTTClient_connectOptions connect = MQTTClient_connectOptions_initializer;
        MQTTClient_SSLOptions ssl = MQTTClient_SSLOptions_initializer;
        int r;

        ssl.enableServerCertAuth = 1;
        ssl.verify = 1; /* the host name too */
        ssl.sslVersion = MQTT_SSL_VERSION_TLS_1_2;
        ssl.trustStore = s->request->broker_root_file;
        ssl.disableDefaultTrustStore = ssl.trustStore != NULL;

        connect.MQTTVersion = MQTTVERSION_3_1_1;
        connect.keepAliveInterval = KEEPALIVE_SEC;
        connect.cleansession = 1;
        connect.connectTimeout = CONNECT_SEC;
        connect.username = s->username;
        connect.password = s->registration.sign;
        connect.ssl = &ssl;

        create.MQTTVersion = MQTTVERSION_3_1_1;
        r = MQTTClient_createWithOptions(&s->client, s->uri, s->client_id,
                                         MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
        return r == MQTTCLIENT_SUCCESS ? MQTTClient_connect(s->client, &connect) : r;
}

static int read_reply(const Session *s, const MQTTClient_message *message, Answer *answer) {
        const char *const secrets[] = {s->request->secret, s->registration.sign};
        _cleanup_(json_reply_freep) JsonReply *reply = NULL;
        char quote[EXPLAIN_QUOTE_MAX], evidence[32];
        uint64_t code;
        int r;

        r = json_reply_parse(message->payload, (size_t)message->payloadlen, &reply);
        if (r < 0)
                return r;
        if (r > 0)
                return explain_answer(answer, &incomplete, s->host, 0, "not JSON", NULL);
        if (json_reply_number(reply, "code", CODE_MAX, &code) == 0 && code != REPLY_CODE_OK) {
                explain_quote(json_reply_string(reply, "message"), secrets, ARRAY_SIZE(secrets),
                              quote);
                (void)snprintf(evidence, sizeof(evidence), "code %d", (int)code);
                return explain_answer(answer, explain_service((int)code), s->host, (int)code,
                                      evidence, quote);
        }
        r = registration_take(s->request, reply, answer);
        if (r <= 0)
                return r;
        return explain_answer(answer, r == REGISTRATION_E_FOREIGN ? &foreign : &incomplete, s->host,
                              0, NULL, NULL);
}

/* Documents and libraries differ in which registration is answered where: either may come. */
static bool is_reply_topic(const char *topic, int size) {
        static const char *const topics[] = {"/ext/register", "/ext/regnwl"};

        for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
                if ((size_t)size == strlen(topics[i]) &&
                    memcmp(topic, topics[i], (size_t)size) == 0)
                        return true;
        return false;
}

/* Returns 1 when it was the reply, 0 when it was something else, or -errno. */
static int take_message(const Session *s,
                        char *topic,
                        int size,
                        MQTTClient_message *message,
                        Answer *answer) {
        /* The library gives no size for a topic without NULs in it. */
        bool ours = is_reply_topic(topic, size > 0 ? size : (int)strlen(topic));
        int r = 0;

        if (ours)
                r = read_reply(s, message, answer);
        if (message->payloadlen > 0)
                explicit_bzero(message->payload, (size_t)message->payloadlen);
        MQTTClient_freeMessage(&message);
        MQTTClient_free(topic);
        return r < 0 ? r : ours;
}

static int session_wait(Session *s, Answer *answer) {
        uint64_t deadline = clock_now_usec() + REPLY_SEC * USEC_PER_SEC;

        for (;;) {
                uint64_t now = clock_now_usec();
                MQTTClient_message *message = NULL;
                char *topic = NULL;
                int size = 0, r;

                if (now >= deadline)
                        return explain_answer(answer, &silent, s->host, 0, NULL, NULL);
                r = MQTTClient_receive(s->client, &topic, &size, &message,
                                       (unsigned long)((deadline - now) / USEC_PER_MSEC + 1));
                if (message) {
                        r = take_message(s, topic, size, message, answer);
                        if (r != 0)
                                return r < 0 ? r : 0;
                } else if (r != MQTTCLIENT_SUCCESS)
                        return explain_answer(answer, &closed, s->host, 0, NULL, NULL);
        }
}

static int session_run(Session *s, Answer *answer) {
        MQTTClient_init_options options = MQTTClient_init_options_initializer;
        char evidence[32];
        int r;

        /* The library obeys these for MQTT too, and the proxy would see a tunnel it doesn't want.
         */
        (void)unsetenv("http_proxy");
        (void)unsetenv("https_proxy");
        options.do_openssl_init = 1;
        MQTTClient_global_init(&options);

        r = session_connect(s);
        if (r > 0) {
                (void)snprintf(evidence, sizeof(evidence), "CONNACK %d", r);
                return explain_answer(answer, explain_connack(r), s->host, r, evidence, NULL);
        }
        if (r < 0)
                return explain_answer(answer, &no_connack, s->host, 0, NULL, NULL);

        r = session_wait(s, answer);
        (void)MQTTClient_disconnect(s->client, DISCONNECT_MS);
        return r;
}

int register_mqtt_run(const Request *request, Answer *answer) {
        _cleanup_(session_done) Session s = {.request = request};
        int r;

        r = find_host(request, &s.host);
        if (r < 0)
                return r;
        if (r == 0)
                return explain_answer(answer, &nowhere, "the broker", 0, NULL, NULL);

        r = https_probe(s.host, find_port(request), request->broker_root_file);
        if (r > 0)
                return explain_answer(answer, explain_https(r), s.host, 0, NULL, NULL);
        if (r < 0)
                return r;
        r = session_prepare(&s);
        return r < 0 ? r : session_run(&s, answer);
}
