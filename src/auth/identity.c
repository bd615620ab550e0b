/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Identity
 *
 * What each mode needs and what the platform lets a name be made of, as tables. The rules are
 * also what makes the CONNECT fields unambiguous: no '|' in a client id (it would begin the list
 * of parameters), no '&' in a name (it parts the user name), no ',' in a parameter.
 */

#include "auth/identity.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* What a value may be. */
typedef struct Rule {
        const char *key, *name;
        size_t min, max;
        const char *allowed; /* NULL: any visible ASCII character, or a space */
        const char *words;   /* @allowed in words */
        bool secret;
} Rule;

static const Rule rule_product_key = {.key = "identity.product_key",
                                      .name = "product_key",
                                      .min = 1,
                                      .max = 20,
                                      .allowed = LETTERS DIGITS,
                                      .words = "letters and digits"};
static const Rule rule_device_name = {.key = "identity.device_name",
                                      .name = "device_name",
                                      .min = 4,
                                      .max = 32,
                                      .allowed = LETTERS DIGITS "-_@.:",
                                      .words = "letters, digits and - _ @ . :"};
static const Rule rule_client_id = {.key = "identity.client_id",
                                    .name = "client_id",
                                    .min = 1,
                                    .max = AUTH_CLIENT_ID_MAX,
                                    .words = "printable ASCII without '|'"};
static const Rule rule_plain_client_id = {.key = "identity.client_id",
                                          .name = "client_id",
                                          .min = 1,
                                          .max = 1024,
                                          .words = "printable ASCII"};
static const Rule rule_plain_device_name = {.key = "identity.device_name",
                                            .name = "device_name",
                                            .min = 1,
                                            .max = 256,
                                            .words = "printable ASCII"};
static const Rule rule_device_secret = {.key = "identity.device_secret",
                                        .name = "device_secret",
                                        .min = 1,
                                        .max = 256,
                                        .words = "printable ASCII",
                                        .secret = true};
static const Rule rule_product_secret = {.key = "identity.product_secret",
                                         .name = "product_secret",
                                         .min = 1,
                                         .max = 256,
                                         .words = "printable ASCII",
                                         .secret = true};
static const Rule rule_token = {.key = "identity.token",
                                .name = "token",
                                .min = 3,
                                .max = 16384,
                                .words = "printable ASCII",
                                .secret = true};
static const Rule rule_access_key_secret = {.key = "identity.access_key_secret",
                                            .name = "access_key_secret",
                                            .min = 1,
                                            .max = 256,
                                            .words = "printable ASCII",
                                            .secret = true};
static const Rule rule_access_key_id = {.key = "identity.access_key_id",
                                        .name = "access_key_id",
                                        .min = 1,
                                        .max = 128,
                                        .allowed = LETTERS DIGITS "-_.",
                                        .words = "letters, digits and - _ ."};
static const Rule rule_group_id = {.key = "identity.group_id",
                                   .name = "group_id",
                                   .min = 1,
                                   .max = AUTH_CLIENT_ID_MAX,
                                   .allowed = LETTERS DIGITS "-_",
                                   .words = "letters, digits and - _"};
static const Rule rule_device_id = {.key = "identity.device_id",
                                    .name = "device_id",
                                    .min = 1,
                                    .max = AUTH_CLIENT_ID_MAX,
                                    .allowed = LETTERS DIGITS "-_.:",
                                    .words = "letters, digits and - _ . :"};
static const Rule rule_region = {.key = "cloud.region",
                                 .name = "region",
                                 .min = 1,
                                 .max = 32,
                                 .allowed = "abcdefghijklmnopqrstuvwxyz" DIGITS "-",
                                 .words = "lower-case letters, digits and -"};
static const Rule rule_instance_id = {.key = "cloud.instance_id",
                                      .name = "instance_id",
                                      .min = 1,
                                      .max = 63,
                                      .allowed = LETTERS DIGITS "-_",
                                      .words = "letters, digits and - _"};
static const Rule rule_host = {.key = "cloud.endpoint",
                               .name = "endpoint",
                               .min = 1,
                               .max = 253,
                               .allowed = LETTERS DIGITS "-_.:",
                               .words = "the characters of a host name or an IP address"};
static const Rule rule_timestamp = {.key = "cloud.timestamp",
                                    .name = "timestamp",
                                    .min = 1,
                                    .max = 20,
                                    .allowed = DIGITS,
                                    .words = "digits, or the words \"now\" or \"none\""};

static const char *const mode_names[_AUTH_MODE_MAX] = {
                [AUTH_DEVICE] = "device",
                [AUTH_HTTPS] = "https",
                [AUTH_REGISTER] = "register",
                [AUTH_REGISTER_FREE] = "register-free",
                [AUTH_MQ_SIGNATURE] = "mq-signature",
                [AUTH_MQ_TOKEN] = "mq-token",
                [AUTH_MQ_DEVICE] = "mq-device",
                [AUTH_PLAIN] = "plain",
                [AUTH_COMMAND] = "command",
};

const char *auth_mode_to_string(AuthMode mode) {
        return (int)mode >= 0 && mode < _AUTH_MODE_MAX ? mode_names[mode] : NULL;
}

AuthMode auth_mode_from_string(const char *s) {
        if (s)
                for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++)
                        if (strcmp(s, mode_names[i]) == 0)
                                return (AuthMode)i;
        return _AUTH_MODE_INVALID;
}

bool auth_mode_needs_command(AuthMode mode) {
        return mode == AUTH_HTTPS || mode == AUTH_REGISTER || mode == AUTH_REGISTER_FREE ||
               mode == AUTH_COMMAND;
}

static void wipe_free(char **s) {
        if (*s)
                explicit_bzero(*s, strlen(*s));
        free(*s);
        *s = NULL;
}

void identity_done(Identity *identity) {
        char **const strings[] = {
                        &identity->product_key,  &identity->device_name, &identity->client_id,
                        &identity->secret,       &identity->username,    &identity->access_key_id,
                        &identity->group_id,     &identity->device_id,   &identity->region,
                        &identity->instance_id,  &identity->host,        &identity->timestamp,
                        &identity->extra_params,
        };

        for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
                wipe_free(strings[i]);
        *identity = (Identity){0};
}

/* Where a check reports what it found. */
typedef struct Complaint {
        const char **ret_key;
        char **ret_error;
} Complaint;

_printf_(3, 4) static int refuse(Complaint *c, const char *key, const char *format, ...) {
        va_list args;
        int r;

        va_start(args, format);
        r = vasprintf(c->ret_error, format, args);
        va_end(args);
        if (r < 0) {
                *c->ret_error = NULL; /* its value is undefined */
                return -ENOMEM;
        }
        *c->ret_key = key;
        return -EINVAL;
}

static bool is_printable(const char *s) {
        for (; *s; s++)
                if (*s < ' ' || *s > '~')
                        return false;
        return true;
}

static int check_value(Complaint *c, const Rule *rule, const char *value) {
        const char *quote = rule->secret ? "" : "\"";
        size_t len = strlen(value);

        /* Unprintable characters must not reach a terminal. */
        if (!is_printable(value))
                return refuse(c, rule->key,
                              "%s holds a control or non-ASCII character: only %s is allowed",
                              rule->name, rule->words);
        if (len < rule->min || len > rule->max)
                return refuse(c, rule->key,
                              "%s %s%.80s%s has %zu character%s: %zu to %zu are allowed",
                              rule->name, quote, rule->secret ? "" : value, quote, len,
                              len == 1 ? "" : "s", rule->min, rule->max);
        if (rule->allowed && strspn(value, rule->allowed) != len)
                return refuse(c, rule->key, "%s \"%s\" holds '%c': only %s are allowed", rule->name,
                              value, value[strspn(value, rule->allowed)], rule->words);
        return 0;
}

static int check_required(Complaint *c, const Rule *rule, const char *value, AuthMode mode) {
        if (!value)
                return refuse(c, rule->key, "%s is missing: auth = \"%s\" needs it", rule->name,
                              auth_mode_to_string(mode));
        return check_value(c, rule, value);
}

static int check_optional(Complaint *c, const Rule *rule, const char *value) {
        return value ? check_value(c, rule, value) : 0;
}

/* The client id that stands before the '|'. */
static int check_client_id(Complaint *c, const char *client_id) {
        if (client_id && strchr(client_id, '|'))
                return refuse(c, rule_client_id.key,
                              "client_id holds '|': it would begin the list of parameters, which "
                              "is added to the client id by itself");
        return check_optional(c, &rule_client_id, client_id);
}

static bool is_reserved(const char *name, size_t len) {
        static const char *const reserved[] = {"securemode", "signmethod", "timestamp"};

        for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
                if (strlen(reserved[i]) == len && strncmp(reserved[i], name, len) == 0)
                        return true;
        return false;
}

static int check_extra_params(Complaint *c, const char *params) {
        static const char key[] = "cloud.extra_params";

        if (params && (!is_printable(params) || strpbrk(params, "| ") || strlen(params) > 256))
                return refuse(c, key,
                              "extra_params holds '|', a space or an unprintable character, or is "
                              "longer than 256");

        for (const char *p = params; p;) {
                size_t len = strcspn(p, ","), name = strcspn(p, "=,");

                if (name == 0 || name + 1 >= len || memchr(p + name + 1, '=', len - name - 1))
                        return refuse(c, key,
                                      "extra_params has \"%.*s\" where name=value belongs (pairs "
                                      "are parted by single commas)",
                                      (int)len, p);
                if (is_reserved(p, name))
                        return refuse(c, key,
                                      "extra_params sets %.*s, which has a setting of its own",
                                      (int)name, p);
                p = p[len] ? p + len + 1 : NULL;
        }
        return 0;
}

static int check_timestamp(Complaint *c, const Identity *id) {
        if (id->timestamp_kind == TIMESTAMP_FIXED)
                return check_required(c, &rule_timestamp, id->timestamp, id->mode);
        return 0;
}

static int check_sign_method(Complaint *c, const Identity *id) {
        static const char key[] = "cloud.sign_method";

        if (!sign_method_to_string(id->sign_method))
                return refuse(c, key, "sign_method is none of hmac{md5,sha1,sha256}");
        if (id->sign_method_implicit && id->sign_method != SIGN_HMACMD5)
                return refuse(c, key,
                              "sign_method must be named unless it is hmacmd5, which the platform "
                              "assumes");
        if (id->sign_method != SIGN_SHA256)
                return 0;
        if (id->mode != AUTH_DEVICE)
                return refuse(c, key,
                              "sign_method \"sha256\" is listed by the platform for auth = "
                              "\"device\" only; take hmacsha256");
        if (!id->sha256_as_hash)
                return refuse(c, key,
                              "the platform lists \"sha256\" but nowhere says what is hashed, so "
                              "that nobody can be sure to sign alike; take hmacsha256, or accept "
                              "the usual guess with sha256_as_hash = true");
        return 0;
}

/* The platform and its devices; @secret is the rule of the secret that the mode begins with. */
static int check_platform(Complaint *c, const Identity *id, const Rule *secret) {
        int r;

        r = check_required(c, &rule_product_key, id->product_key, id->mode);
        if (r < 0)
                return r;
        r = check_required(c, &rule_device_name, id->device_name, id->mode);
        if (r < 0)
                return r;
        r = check_client_id(c, id->client_id);
        if (r < 0)
                return r;
        r = check_required(c, secret, id->secret, id->mode);
        if (r < 0)
                return r;
        r = check_sign_method(c, id);
        if (r < 0)
                return r;
        r = check_timestamp(c, id);
        if (r < 0)
                return r;
        r = check_extra_params(c, id->extra_params);
        if (r < 0)
                return r;

        if (!id->host && !id->instance_id && !id->region)
                return refuse(c, "cloud.region",
                              "nothing says where the cloud is: set region (\"cn-shanghai\"), "
                              "instance_id (\"iot-...\") or endpoint (\"host:port\")");
        r = check_optional(c, &rule_instance_id, id->instance_id);
        if (r < 0)
                return r;
        return check_optional(c, &rule_region, id->region);
}

static int check_register_free(Complaint *c, const Identity *id) {
        if (!id->tls)
                return refuse(c, "cloud.tls.enable",
                              "auth = \"register-free\" needs TLS: the platform refuses it on a "
                              "plain connection");
        return check_platform(c, id, &rule_product_secret);
}

/* "R|TOKEN", "W|TOKEN", "RW|TOKEN", or several of them with bars between. */
static int check_tokens(Complaint *c, const Identity *id) {
        const char *p = id->secret;
        int r;

        if (!p)
                return id->has_command ? 0
                                       : refuse(c, rule_token.key,
                                                "token is missing: auth = \"mq-token\" needs it, or "
                                                "a command that gives tokens");
        r = check_value(c, &rule_token, p);
        if (r < 0)
                return r;
        while (p) {
                size_t kind = strcspn(p, "|"), size = p[kind] ? strcspn(p + kind + 1, "|") : 0;
                bool known = (kind == 1 && (*p == 'R' || *p == 'W')) ||
                             (kind == 2 && strncmp(p, "RW", 2) == 0);

                if (!known || size == 0 || memchr(p + kind + 1, ' ', size))
                        return refuse(c, rule_token.key,
                                      "token has not the form R|TOKEN, W|TOKEN or RW|TOKEN, or "
                                      "several of these with '|' between them");
                p += kind + 1 + size;
                p = *p ? p + 1 : NULL;
        }
        return 0;
}

static int check_mq(Complaint *c, const Identity *id) {
        int r;

        r = check_required(c, &rule_access_key_id, id->access_key_id, id->mode);
        if (r < 0)
                return r;
        if (id->mode == AUTH_MQ_TOKEN)
                r = check_tokens(c, id);
        else
                r = check_required(c, &rule_access_key_secret, id->secret, id->mode);
        if (r < 0)
                return r;
        r = check_required(c, &rule_instance_id, id->instance_id, id->mode);
        if (r < 0)
                return r;

        r = check_client_id(c, id->client_id);
        if (r < 0)
                return r;
        if (!id->client_id) {
                r = check_required(c, &rule_group_id, id->group_id, id->mode);
                if (r < 0)
                        return r;
                r = check_required(c, &rule_device_id, id->device_id, id->mode);
                if (r < 0)
                        return r;
                if (strlen(id->group_id) + strlen(id->device_id) + 3 > AUTH_CLIENT_ID_MAX)
                        return refuse(c, rule_device_id.key,
                                      "the client id \"%s@@@%s\" has more than %d characters",
                                      id->group_id, id->device_id, AUTH_CLIENT_ID_MAX);
        }
        return check_required(c, &rule_host, id->host, id->mode);
}

static int check_plain(Complaint *c, const Identity *id) {
        int r;

        if (!id->client_id && !(id->product_key && id->device_name) && !id->device_name)
                return refuse(c, rule_client_id.key,
                              "client_id is missing: auth = \"plain\" needs it, or a device_name");
        r = check_optional(c, &rule_plain_client_id, id->client_id);
        if (r < 0)
                return r;
        if (id->secret && !id->username)
                return refuse(c, "identity.username",
                              "username is missing: MQTT 3.1.1 has no password without one");
        return check_required(c, &rule_host, id->host, id->mode);
}

/* The program knows what it needs; what is given must not be nonsense. */
static int check_command(Complaint *c, const Identity *id) {
        const struct {
                const Rule *rule;
                const char *value;
        } values[] = {
                        {&rule_product_key, id->product_key},
                        {&rule_plain_device_name, id->device_name},
                        {&rule_plain_client_id, id->client_id},
                        {&rule_device_secret, id->secret},
                        {&rule_instance_id, id->instance_id},
                        {&rule_region, id->region},
        };

        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                int r = check_optional(c, values[i].rule, values[i].value);

                if (r < 0)
                        return r;
        }
        return check_timestamp(c, id);
}

int identity_check(const Identity *identity, const char **ret_key, char **ret_error) {
        Complaint c = {.ret_key = ret_key, .ret_error = ret_error};
        int r;

        r = check_optional(&c, &rule_host, identity->host);
        if (r < 0)
                return r;

        switch (identity->mode) {
        case AUTH_DEVICE:
        case AUTH_HTTPS:
                return check_platform(&c, identity, &rule_device_secret);
        case AUTH_REGISTER:
                return check_platform(&c, identity, &rule_product_secret);
        case AUTH_REGISTER_FREE:
                return check_register_free(&c, identity);
        case AUTH_MQ_SIGNATURE:
        case AUTH_MQ_TOKEN:
        case AUTH_MQ_DEVICE:
                return check_mq(&c, identity);
        case AUTH_PLAIN:
                return check_plain(&c, identity);
        case AUTH_COMMAND:
                return check_command(&c, identity);
        case _AUTH_MODE_MAX:
        case _AUTH_MODE_INVALID:
        default:
                return refuse(&c, "cloud.auth",
                              "auth must be \"device\", \"https\", \"register\", "
                              "\"register-free\", \"mq-signature\", \"mq-token\", "
                              "\"mq-device\", \"plain\" or \"command\"");
        }
}

int identity_client_id(const Identity *identity, char **ret) {
        const char *first = identity->product_key, *separator = ".", *last = identity->device_name;
        char *client_id;

        switch (identity->mode) {
        case AUTH_MQ_SIGNATURE:
        case AUTH_MQ_TOKEN:
        case AUTH_MQ_DEVICE:
                first = identity->group_id;
                separator = "@@@";
                last = identity->device_id;
                break;
        case AUTH_DEVICE:
        case AUTH_HTTPS:
        case AUTH_REGISTER:
        case AUTH_REGISTER_FREE:
        case AUTH_PLAIN:
        case AUTH_COMMAND:
        case _AUTH_MODE_MAX:
        case _AUTH_MODE_INVALID:
        default:
                break;
        }
        if (identity->client_id || !last)
                last = identity->client_id;
        if (identity->client_id || !first)
                first = separator = "";
        if (!last)
                return -ENOENT;
        if (asprintf(&client_id, "%s%s%s", first, separator, last) < 0)
                return -ENOMEM;
        *ret = client_id;
        return 0;
}
