// A list that is longer than what the API tells at once.

/** Says that a list was cut; nothing if it is whole. `order` names what comes first. */
export function CutAt({ shown, total, order }: { shown: number; total: number; order: string }) {
  return total > shown ? <p class="muted">Shown are the {order} {shown} of {total}.</p> : null;
}

/** The same where the API does not tell how long the list is: as many as it gives at most are there. */
export function CutAtLimit({ shown, limit, order }: { shown: number; limit: number; order: string }) {
  return shown >= limit ? <p class="muted">Shown are the {order} {limit}; there may be more.</p> : null;
}
