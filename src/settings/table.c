/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/un.h>

#include "config.h"
#include "settings/draft.h"
#include "settings/table.h"
#include "util/parse.h"

#define FIELD(_struct, _field) \
        .offset = offsetof(_struct, _field), .width = sizeof(((_struct *)NULL)->_field)
#define DRAFT(_field)    FIELD(Draft, _field)
#define SETTINGS(_field) FIELD(Draft, settings._field)

/* Words */

static const char *word_of(const char *const *words, size_t n_words, unsigned i) {
        return i < n_words ? words[i] : NULL;
}

static const char *word_auth(unsigned i) {
        return i < _AUTH_MODE_MAX ? auth_mode_to_string((AuthMode)i) : NULL;
}

static const char *word_sign_method(unsigned i) {
        return i < _SIGN_METHOD_MAX ? sign_method_to_string((SignMethod)i) : NULL;
}

static const char *word_auth_via(unsigned i) {
        static const char *const words[] = {"https", "mqtt"};

        return word_of(words, ARRAY_SIZE(words), i);
}

static const char *word_tls_version(unsigned i) {
        static const char *const words[] = {"1.2", "1.3"};

        return word_of(words, ARRAY_SIZE(words), i);
}

static const char *word_direction(unsigned i) {
        static const char *const words[] = {"up", "down", "both"};

        return word_of(words, ARRAY_SIZE(words), i);
}

static const char *word_excess(unsigned i) {
        return i < _SETTINGS_EXCESS_MAX ? settings_excess_to_string((SettingsExcess)i) : NULL;
}

static const char *word_inbox_full(unsigned i) {
        static const char *const words[] = {[SETTINGS_INBOX_DROP_OLDEST] = "drop-oldest",
                                            [SETTINGS_INBOX_REFUSE] = "refuse"};

        return word_of(words, ARRAY_SIZE(words), i);
}

static const char *word_when_full(unsigned i) {
        return i < _ROUTE_WHEN_FULL_MAX ? route_when_full_to_string((RouteWhenFull)i) : NULL;
}

static const char *word_region(unsigned i) {
        static const char *const words[] = {"cn-shanghai",  "ap-northeast-1", "ap-southeast-1",
                                            "eu-central-1", "us-west-1",      "us-east-1",
                                            "cn-beijing",   "cn-shenzhen"};

        return word_of(words, ARRAY_SIZE(words), i);
}

/* Checks */

static const char *problem_region(const char *value) {
        (void)value;
        return "For any other region write cloud.endpoint = \"HOST:PORT\" instead.";
}

static const char *problem_endpoint(const char *value) {
        _cleanup_(freep) char *host = NULL;
        uint16_t port;

        return parse_host_port(value, &host, &port) < 0
                               ? "allowed is \"HOST\", \"HOST:PORT\" or \"[IPv6]:PORT\", with a "
                                 "port from 1 to 65535 and nothing before or behind"
                               : NULL;
}

static const char *problem_auth_url(const char *value) {
        static const char scheme[] = "https://";

        return strncmp(value, scheme, strlen(scheme)) != 0 ||
                                               problem_endpoint(value + strlen(scheme))
                               ? "allowed is \"https://HOST\" or \"https://HOST:PORT\", with nothing "
                                 "before or behind"
                               : NULL;
}

static const char *problem_timestamp(const char *value) {
        uint64_t number;

        if (strcmp(value, "now") == 0 || strcmp(value, "none") == 0 ||
            parse_unsigned(value, INT64_MAX, &number) == 0)
                return NULL;
        return "allowed is \"now\", \"none\" or a string of digits (milliseconds since 1970)";
}

static const char *problem_path(const char *value) {
        if (*value != '/')
                return "allowed is a full path, beginning with '/'";
        return strlen(value) < PATH_MAX ? NULL : "the path is too long";
}

static const char *problem_socket(const char *value) {
        if (strlen(value) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
                return "the path of a socket has at most 107 bytes";
        return problem_path(value);
}

static const char *problem_empty(const char *value) {
        return *value ? NULL : "it must not be empty";
}

/* Rows */

static const SettingsKey keys[] = {
                {.path = "identity.product_key",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = "a1B2c3D4e5F",
                 .help = "the product's key",
                 SETTINGS(identity.product_key)},
                {.path = "identity.device_name",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = "gateway-1",
                 .help = "the device's name within the product",
                 SETTINGS(identity.device_name)},
                {.path = "identity.client_id",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = "gateway-1",
                 .help = "the MQTT client identifier",
                 SETTINGS(identity.client_id)},
                {.path = "identity.device_secret",
                 .type = KEY_STRING,
                 .modes = MODES_OWN_SECRET | MODES_COMMAND,
                 .secret = true,
                 .example = "0123456789abcdef0123456789abcdef",
                 .help = "the device's secret itself",
                 DRAFT(device_secret)},
                {.path = "identity.device_secret_file",
                 .type = KEY_STRING,
                 .modes = MODES_OWN_SECRET | MODES_COMMAND,
                 .problem = problem_path,
                 .help = "the file that holds the device's secret",
                 DRAFT(device_secret_file)},
                {.path = "identity.product_secret",
                 .type = KEY_STRING,
                 .modes = MODES_REGISTER,
                 .secret = true,
                 .example = "0123456789abcdef",
                 .help = "the product's secret itself",
                 DRAFT(product_secret)},
                {.path = "identity.product_secret_file",
                 .type = KEY_STRING,
                 .modes = MODES_REGISTER,
                 .problem = problem_path,
                 .help = "the file that holds the product's secret",
                 DRAFT(product_secret_file)},
                {.path = "identity.access_key_id",
                 .type = KEY_STRING,
                 .modes = MODES_MQ,
                 .example = "LTAI0123456789",
                 .help = "the AccessKey's identifier",
                 SETTINGS(identity.access_key_id)},
                {.path = "identity.access_key_secret",
                 .type = KEY_STRING,
                 .modes = MODES_MQ_SIGNED,
                 .secret = true,
                 .example = "0123456789abcdef",
                 .help = "the AccessKey's secret itself",
                 DRAFT(access_key_secret)},
                {.path = "identity.access_key_secret_file",
                 .type = KEY_STRING,
                 .modes = MODES_MQ_SIGNED,
                 .problem = problem_path,
                 .help = "the file that holds the AccessKey's secret",
                 DRAFT(access_key_secret_file)},
                {.path = "identity.token",
                 .type = KEY_STRING,
                 .modes = MODES_MQ_TOKEN,
                 .secret = true,
                 .example = "RW|0123456789abcdef",
                 .help = "the tokens themselves",
                 DRAFT(token)},
                {.path = "identity.token_file",
                 .type = KEY_STRING,
                 .modes = MODES_MQ_TOKEN,
                 .problem = problem_path,
                 .help = "the file that holds the tokens",
                 SETTINGS(token_file)},
                {.path = "identity.group_id",
                 .type = KEY_STRING,
                 .modes = MODES_MQ,
                 .example = "GID_gateways",
                 .help = "the group the client belongs to",
                 SETTINGS(identity.group_id)},
                {.path = "identity.device_id",
                 .type = KEY_STRING,
                 .modes = MODES_MQ,
                 .example = "gateway-1",
                 .help = "the client's name within the group",
                 SETTINGS(identity.device_id)},
                {.path = "identity.username",
                 .type = KEY_STRING,
                 .modes = MODES_PLAIN,
                 .example = "gateway",
                 .help = "the MQTT user name",
                 SETTINGS(identity.username)},
                {.path = "identity.password",
                 .type = KEY_STRING,
                 .modes = MODES_PLAIN,
                 .secret = true,
                 .help = "the MQTT password itself",
                 DRAFT(password)},
                {.path = "identity.password_file",
                 .type = KEY_STRING,
                 .modes = MODES_PLAIN,
                 .problem = problem_path,
                 .help = "the file that holds the MQTT password",
                 DRAFT(password_file)},

                {.path = "cloud.auth",
                 .type = KEY_WORD,
                 .modes = MODES_ALL,
                 .fallback = "device",
                 .word = word_auth,
                 .help = "the kind of cloud and of proof",
                 SETTINGS(identity.mode)},
                {.path = "cloud.region",
                 .type = KEY_STRING,
                 .modes = MODES_PLATFORM | MODES_COMMAND,
                 .example = "cn-shanghai",
                 .word = word_region,
                 .problem = problem_region,
                 .help = "the platform's region",
                 SETTINGS(identity.region)},
                {.path = "cloud.endpoint",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = "broker.example.com",
                 .problem = problem_endpoint,
                 .help = "the server, instead of the one that follows from region or instance_id",
                 DRAFT(endpoint)},
                {.path = "cloud.instance_id",
                 .type = KEY_STRING,
                 .modes = MODES_PLATFORM | MODES_MQ | MODES_COMMAND,
                 .example = "iot-060a0bgd",
                 .help = "the instance",
                 SETTINGS(identity.instance_id)},
                {.path = "cloud.sign_method",
                 .type = KEY_WORD,
                 .modes = MODES_PLATFORM | MODES_COMMAND,
                 .fallback = "hmacsha256",
                 .word = word_sign_method,
                 .help = "the algorithm of the signature",
                 SETTINGS(identity.sign_method)},
                {.path = "cloud.sha256_as_hash",
                 .type = KEY_BOOL,
                 .modes = MODE_BIT(AUTH_DEVICE),
                 .fallback = "false",
                 .help = "whether sign_method may be sha256, taken for the hash of text and secret",
                 SETTINGS(identity.sha256_as_hash)},
                {.path = "cloud.timestamp",
                 .type = KEY_STRING,
                 .modes = MODES_OWN_SECRET | MODE_BIT(AUTH_REGISTER) | MODES_COMMAND,
                 .fallback = "now",
                 .problem = problem_timestamp,
                 .help = "the time that is signed",
                 DRAFT(timestamp)},
                {.path = "cloud.extra_params",
                 .type = KEY_STRING,
                 .modes = MODE_BIT(AUTH_DEVICE) | MODES_REGISTER,
                 .example = "ext=1",
                 .problem = problem_empty,
                 .help = "more parameters for the client id's list",
                 SETTINGS(identity.extra_params)},
                {.path = "cloud.auth_url",
                 .type = KEY_STRING,
                 .modes = MODES_SERVICE,
                 .example = "https://iot-auth.cn-shanghai.aliyuncs.com",
                 .problem = problem_auth_url,
                 .help = "the authentication service, instead of the one that follows from region",
                 SETTINGS(auth_url)},
                {.path = "cloud.auth_via",
                 .type = KEY_WORD,
                 .modes = MODE_BIT(AUTH_REGISTER),
                 .fallback = "https",
                 .word = word_auth_via,
                 .help = "how to register",
                 SETTINGS(auth_via_mqtt)},
                {.path = "cloud.auth_root",
                 .type = KEY_STRING,
                 .modes = MODES_SERVICE,
                 .problem = problem_path,
                 .help = "the root certificates to trust for the authentication service",
                 SETTINGS(auth_root_file)},
                {.path = "cloud.command",
                 .type = KEY_STRING,
                 .modes = MODES_ASKING,
                 .example = "/usr/local/bin/credentials",
                 .problem = problem_path,
                 .help = "the program that gives credentials",
                 SETTINGS(command)},
                {.path = "cloud.keepalive",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "300",
                 .min = 30,
                 .max = 1200,
                 .unit = "seconds",
                 .help = "the longest silence before the connection is probed",
                 SETTINGS(keepalive_sec)},
                {.path = "cloud.connect_timeout",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "30",
                 .min = 5,
                 .max = 300,
                 .unit = "seconds",
                 .help = "how long one attempt to connect may take",
                 SETTINGS(connect_timeout_sec)},
                {.path = "cloud.tls.enable",
                 .type = KEY_BOOL,
                 .modes = MODES_ALL,
                 .fallback = "true",
                 .help = "whether the connection is encrypted and the server verified",
                 SETTINGS(identity.tls)},
                {.path = "cloud.tls.min_version",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .fallback = "1.2",
                 .word = word_tls_version,
                 .help = "the oldest TLS version to accept",
                 SETTINGS(tls_min_version)},
                {.path = "cloud.tls.roots",
                 .type = KEY_LIST,
                 .modes = MODES_ALL,
                 .max = SETTINGS_ROOTS_MAX,
                 .help = "the root certificates to trust, in the order to try them",
                 DRAFT(roots),
                 .count_offset = offsetof(Draft, n_roots)},
                {.path = "cloud.tls.roots[].file",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = IOTLINK_ROOTS_DIR "/aliyun-iot-root-ca.pem",
                 .problem = problem_path,
                 .help = "certificates in PEM form",
                 FIELD(RootDraft, file)},
                {.path = "cloud.tls.roots[].port",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "0",
                 .min = 0,
                 .max = UINT16_MAX,
                 .help = "the port to use with this root (0: the usual one)",
                 FIELD(RootDraft, port)},
                {.path = "cloud.tls.certificate_file",
                 .type = KEY_STRING,
                 .modes = MODES_PLAIN | MODES_COMMAND,
                 .problem = problem_path,
                 .help = "the client's certificate",
                 SETTINGS(certificate_file)},
                {.path = "cloud.tls.key_file",
                 .type = KEY_STRING,
                 .modes = MODES_PLAIN | MODES_COMMAND,
                 .problem = problem_path,
                 .help = "the private key of the client's certificate",
                 SETTINGS(key_file)},
                {.path = "cloud.reconnect.min",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "1",
                 .min = 1,
                 .max = 300,
                 .unit = "seconds",
                 .help = "the first pause before connecting again",
                 SETTINGS(reconnect_min_sec)},
                {.path = "cloud.reconnect.max",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "300",
                 .min = 1,
                 .max = 3600,
                 .unit = "seconds",
                 .help = "the longest pause after network trouble",
                 SETTINGS(reconnect_max_sec)},
                {.path = "cloud.limits.connects_per_minute",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .max = 600,
                 .unit = "0 for none",
                 .help = "how often to connect; the default depends on cloud.auth",
                 SETTINGS(connects_per_minute)},
                {.path = "cloud.limits.qos1_per_second",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .max = 1000000,
                 .unit = "0 for none",
                 .help = "QoS 1 messages sent; the default depends on cloud.auth",
                 SETTINGS(qos1_per_second)},
                {.path = "cloud.limits.qos0_per_second",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .max = 1000000,
                 .unit = "0 for none",
                 .help = "QoS 0 messages sent; the default depends on cloud.auth",
                 SETTINGS(qos0_per_second)},
                {.path = "cloud.limits.qos0_excess",
                 .type = KEY_WORD,
                 .modes = MODES_ALL,
                 .fallback = "wait",
                 .word = word_excess,
                 .help = "what happens to QoS 0 messages over their rate",
                 SETTINGS(qos0_excess)},
                {.path = "cloud.limits.unacknowledged",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .max = 65535,
                 .unit = "0 for the program's own",
                 .help = "QoS 1 messages on their way; the default depends on cloud.auth",
                 SETTINGS(unacknowledged)},

                {.path = "local.socket",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .fallback = IOTLINK_SOCKET_PATH,
                 .problem = problem_socket,
                 .help = "the socket that programs connect to",
                 SETTINGS(socket_path)},
                {.path = "local.state",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .problem = problem_path,
                 .help = "the directory for what must outlive the program",
                 SETTINGS(state_dir)},
                {.path = "local.max_clients",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "256",
                 .min = 1,
                 .max = 10000,
                 .help = "how many programs may be connected at once",
                 SETTINGS(max_clients)},
                {.path = "local.client_buffer",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "1048576",
                 .min = 65536,
                 .max = 1073741824,
                 .unit = "bytes",
                 .help = "unread output of one program, beyond which it is disconnected",
                 SETTINGS(client_buffer_bytes)},
                {.path = "local.memory",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "67108864",
                 .min = 1048576,
                 .max = 2147483647,
                 .unit = "bytes",
                 .help = "what all programs together may make the daemon hold",
                 SETTINGS(memory_bytes)},

                {.path = "store.max_mebibytes",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "256",
                 .min = 1,
                 .max = 1048576,
                 .unit = "MiB",
                 .help = "what may wait on disk for the cloud",
                 SETTINGS(store_max_mebibytes)},
                {.path = "store.max_messages",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "1000000",
                 .min = 1,
                 .max = 1000000000,
                 .help = "how many messages may wait on disk for the cloud",
                 SETTINGS(store_max_messages)},
                {.path = "store.delay",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "1000",
                 .min = 0,
                 .max = 60000,
                 .unit = "milliseconds",
                 .help = "how long the cloud may take to acknowledge before a message is stored",
                 SETTINGS(store_delay_msec)},
                {.path = "store.inbox_full",
                 .type = KEY_WORD,
                 .modes = MODES_ALL,
                 .fallback = "drop-oldest",
                 .word = word_inbox_full,
                 .help = "what happens when too much waits for durable subscribers",
                 SETTINGS(inbox_full)},
                {.path = "store.forget_clients",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "30",
                 .min = 0,
                 .max = 36500,
                 .unit = "days",
                 .help = "how long a durable subscriber may stay away; 0 for ever",
                 SETTINGS(forget_clients_days)},

                {.path = "routes",
                 .type = KEY_LIST,
                 .modes = MODES_ALL,
                 .max = SETTINGS_ROUTES_MAX,
                 .help = "how local names and the cloud's names correspond",
                 DRAFT(routes),
                 .count_offset = offsetof(Draft, n_routes)},
                {.path = "routes[].local",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = "telemetry/#",
                 .problem = problem_empty,
                 .help = "names on the socket",
                 FIELD(RouteDraft, local)},
                {.path = "routes[].remote",
                 .type = KEY_STRING,
                 .modes = MODES_ALL,
                 .example = "/${product_key}/${device_name}/user/telemetry/#",
                 .problem = problem_empty,
                 .help = "names in the cloud",
                 FIELD(RouteDraft, remote)},
                {.path = "routes[].direction",
                 .type = KEY_WORD,
                 .modes = MODES_ALL,
                 .fallback = "both",
                 .word = word_direction,
                 .help = "to the cloud, from the cloud, or both",
                 FIELD(RouteDraft, direction)},
                {.path = "routes[].qos",
                 .type = KEY_INTEGER,
                 .modes = MODES_ALL,
                 .fallback = "1",
                 .min = 0,
                 .max = 1,
                 .help = "the highest QoS of messages on this route",
                 FIELD(RouteDraft, qos)},
                {.path = "routes[].when_full",
                 .type = KEY_WORD,
                 .modes = MODES_ALL,
                 .fallback = "refuse",
                 .word = word_when_full,
                 .help = "what becomes of messages to the cloud when the store is full",
                 FIELD(RouteDraft, when_full)},
};

static_assert(ARRAY_SIZE(keys) <= SETTINGS_KEYS_MAX, "Draft.origins is too small");

const SettingsKey *settings_keys(size_t *ret_n_keys) {
        *ret_n_keys = ARRAY_SIZE(keys);
        return keys;
}

const SettingsKey *settings_key_find(const char *path) {
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strcmp(keys[i].path, path) == 0)
                        return &keys[i];
        return NULL;
}

bool settings_group_exists(const char *path) {
        size_t size = strlen(path);

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strncmp(keys[i].path, path, size) == 0 && keys[i].path[size] == '.')
                        return true;
        return false;
}

int settings_key_word(const SettingsKey *key, const char *value) {
        const char *word;

        for (unsigned i = 0; (word = key->word(i)); i++)
                if (strcmp(word, value) == 0)
                        return (int)i;
        return -1;
}
