/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Settings
 *
 * The configuration file, read and checked. One table (table.c) holds every key with its type,
 * default, range and check; unknown keys, wrong types and bad values are all reported, each with
 * file, line, key, value and what is allowed. Secrets come from the file, from a secret file that
 * only its owner can read, or from a systemd credential.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "auth/credentials.h"
#include "message/route.h"
#include "util/macro.h"

#define SETTINGS_ROOTS_MAX  8U
#define SETTINGS_ROUTES_MAX 256U

typedef struct SettingsRoot {
        char *file;    /* PEM */
        uint16_t port; /* 0: the endpoint's or the mode's own */
} SettingsRoot;

/* A route as it was written, for showing; routes below is what works. */
typedef struct SettingsRoute {
        char *local, *remote; /* with their placeholders */
        RouteDirection direction;
        int qos;
        RouteWhenFull when_full;
} SettingsRoute;

/* What happens to QoS 0 messages over their rate (cloud.limits.qos0_excess). */
typedef enum SettingsExcess {
        SETTINGS_EXCESS_WAIT,
        SETTINGS_EXCESS_REFUSE,
        SETTINGS_EXCESS_DROP_OLDEST,
        _SETTINGS_EXCESS_MAX,
} SettingsExcess;

const char *settings_excess_to_string(SettingsExcess excess);

/* What happens when the inbox of durable subscribers is full (store.inbox_full). */
typedef enum SettingsInboxFull {
        SETTINGS_INBOX_DROP_OLDEST,
        SETTINGS_INBOX_REFUSE,
} SettingsInboxFull;

typedef struct Settings {
        Identity identity; /* with cloud.auth, region, endpoint, sign_method, timestamp in it */

        /* cloud */
        unsigned keepalive_sec; /* 30..1200 */
        unsigned connect_timeout_sec;
        unsigned reconnect_min_sec, reconnect_max_sec;
        char *tls_min_version;                  /* "1.2" or "1.3" */
        SettingsRoot roots[SETTINGS_ROOTS_MAX]; /* none when TLS is off */
        size_t n_roots;
        char *certificate_file, *key_file; /* plain, command: client certificate, or NULL */

        /* Asking for credentials (docs/CREDENTIAL-COMMAND.md) */
        char *command;        /* the program; NULL: the mode needs none and none is configured */
        char *auth_url;       /* "https://HOST[:PORT]", or NULL: follows from the region */
        bool auth_via_mqtt;   /* registers over MQTT; always so with register-free */
        char *auth_root_file; /* PEM, for auth_url; NULL: the system's */

        uint64_t pem_digest; /* of all certificates and keys that are named, as they were read */

        /* cloud.limits; 0 means none */
        unsigned connects_per_minute;
        unsigned qos1_per_second, qos0_per_second;
        unsigned qos0_excess;    /* a SettingsExcess */
        unsigned unacknowledged; /* QoS 1 publishes in flight; 0: the program's own window */

        /* the profile of cloud.auth: not settable */
        size_t max_topic_bytes, max_topic_slashes; /* 0: none */
        size_t max_payload_bytes;
        unsigned max_subscriptions, max_filters_per_subscribe; /* 0: none */
        unsigned subscription_qos_max;

        /* local */
        char *socket_path;
        bool socket_named; /* by the file, and not by default */
        char *state_dir;   /* exists, when the mode stores something in it */
        char *token_file;  /* mq-token: see settings_reread_tokens() */
        unsigned max_clients;
        size_t client_buffer_bytes; /* unread output a client may pile up before it is dropped */
        size_t memory_bytes;        /* what all clients together may make the daemon hold */

        /* store */
        unsigned store_max_mebibytes, store_max_messages, store_delay_msec;
        unsigned inbox_full;          /* a SettingsInboxFull */
        unsigned forget_clients_days; /* 0: never */

        SettingsRoute route_list[SETTINGS_ROUTES_MAX];
        size_t n_routes;
        RouteTable *routes; /* placeholders already replaced */
} Settings;

/* A list of sentences, one per error, each beginning "FILE:LINE: " (or "FILE: "). */
typedef struct SettingsErrors {
        char **lines;
        size_t n_lines;
        bool out_of_memory; /* some are missing */
} SettingsErrors;

void settings_errors_done(SettingsErrors *errors);

/*
 * Reads and checks the file. Returns 0 and a new object; or -EINVAL with every error that was
 * found in @ret_errors; or another -errno with one line in @ret_errors (file missing, unreadable;
 * -ENOMEM may leave it empty). @ret_errors is zeroed by the caller, who also frees it.
 */
_warn_unused_ int settings_load(Settings **ret, const char *path, SettingsErrors *ret_errors);
Settings *settings_free(Settings *settings);

/* Writes what the settings mean, for people; no secrets. Returns 0 or -errno. */
_warn_unused_ int settings_describe(const Settings *settings, FILE *out);

/*
 * Reads the file of tokens again: whoever renews them writes it anew. The caller frees with
 * secret_free(). Returns 0 or -errno (-EBADMSG: the file does not hold tokens; -EPERM: others can
 * read it).
 */
_warn_unused_ int settings_reread_tokens(const Settings *settings, char **ret);

DEFINE_CLEANUP(Settings *, settings_free);
