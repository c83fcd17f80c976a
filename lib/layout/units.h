/* Units of the numbers in the tables of keys; only for files that hold some. */
#ifndef MU_LAYOUT_UNITS_H
#define MU_LAYOUT_UNITS_H

#define KiB 1024ll
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define TiB (1024 * GiB)

#define MS   1000000ll
#define SEC  (1000 * MS)
#define MIN  (60 * SEC)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)

#endif
