# SPDX-License-Identifier: Apache-2.0
"""A strict stand-in for the platform's MQTT endpoint; see README.md."""
