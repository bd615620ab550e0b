/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Marks what leaves the library, besides its line in libiotlink.map. */
#define _public_ __attribute__((__visibility__("default")))
