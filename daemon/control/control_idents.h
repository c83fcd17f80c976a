/* Identifiers in the control protocol. */
#ifndef CONTROL_CONTROL_IDENTS_H
#define CONTROL_CONTROL_IDENTS_H

struct control;
struct control_args;
struct control_session;
struct idents;

/* The identifiers of this node, borrowed until i is NULL again; both while
 * there are no sessions. */
void control_set_idents(struct control *c, struct idents *i);

void control_on_ids(struct control_session *s, const struct control_args *a);
void control_on_id_get(struct control_session *s, const struct control_args *a);
void control_on_id_set(struct control_session *s, const struct control_args *a);
void control_on_id_publish(
    struct control_session *s, const struct control_args *a);

#endif
