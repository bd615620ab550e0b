# SPDX-License-Identifier: Apache-2.0
"""What the integration tests speak in: a daemon, its clients, the clouds it talks to."""
