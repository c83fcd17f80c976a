/* What the two files of publish share. */
#ifndef CTL_PUBLISH_H
#define CTL_PUBLISH_H

struct ctl;

/* Publish the lines of standard input; the exit status. */
int publish_stream(struct ctl *c);

#endif
