/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The transport on Eclipse Paho MQTT C's MQTTAsync.
 */

#include "cloud/transport.h"

/* Starts the cloud thread. All signals that the program handles must be blocked before. */
_warn_unused_ int transport_paho_new(Transport **ret);
