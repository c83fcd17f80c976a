/* Marks the definition of a function that the shared library exports; the
 * list itself is lib/libmuster.map and a test compares both. */
#ifndef MU_BASE_EXPORT_H
#define MU_BASE_EXPORT_H

#define MU_EXPORT __attribute__((visibility("default")))

#endif
