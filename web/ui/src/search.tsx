// The field above every page that searches everything (WAI-ARIA pattern: combobox with a list).
import { useEffect, useRef, useState } from "preact/hooks";
import { user } from "./api";
import { find, type Group, Once, shownOf } from "./find";
import { serverOf } from "./places";
import { go, kept, place } from "./router";

/** Somebody still types. */
const PAUSE = 200;

interface State {
  groups: Group[];
  /** What could not be looked through. */
  errors: string[];
  isDone: boolean;
}

const NOTHING: State = { groups: [], errors: [], isDone: false };

/** What was found for a text, as far as it is known; null while nobody searches. */
function useFound(text: string | null): State {
  const [state, set] = useState(NOTHING);
  const once = useRef<Once | null>(null);
  useEffect(() => {
    if (text === null) once.current = null;
    set(NOTHING);
    if (!text) return;
    const answers = (once.current ??= new Once());
    let isOver = false;
    const tell = (group: Group) => {
      if (!isOver) set((last) => ({ ...last, groups: [...last.groups.filter((one) => one.name !== group.name), group] }));
    };
    const timer = window.setTimeout(async () => {
      const wanted = { text, here: serverOf(place.value.path), isAdmin: user.value?.role === "admin", isOver: () => isOver };
      const errors = await find(wanted, answers, tell);
      if (!isOver) set((last) => ({ ...last, errors, isDone: true }));
    }, PAUSE);
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [text]);
  return state;
}

export function Search() {
  const [text, setText] = useState("");
  const [isOpen, open] = useState(false);
  const [at, setAt] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const before = useRef<HTMLElement | null>(null);
  const wanted = text.trim();
  const { groups, errors, isDone } = useFound(isOpen ? wanted : null);
  const shown = shownOf(groups);
  const hits = shown.flatMap((group) => group.hits);
  const active = Math.min(at, hits.length - 1);
  useEffect(() => document.getElementById(`hit-${active}`)?.scrollIntoView({ block: "nearest" }), [active]);
  const close = () => {
    open(false);
    setText("");
    setAt(0);
  };
  const follow = (href: string) => {
    close();
    field.current?.blur();
    go(kept(href));
  };
  const pressed = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") {
      event.preventDefault();
      close();
      field.current?.blur();
      before.current?.focus();
    } else if (event.key in steps && hits.length > 0) {
      event.preventDefault();
      setAt((active + steps[event.key] + hits.length) % hits.length);
    } else if (event.key === "Enter" && hits[active]) follow(hits[active].href);
  };
  const total = shown.reduce((sum, group) => sum + group.total, 0);
  const finds = total > hits.length ? `${hits.length} of ${total} finds` : total === 1 ? "1 find" : `${total} finds`;
  const said = !isDone ? "Searching…" : total === 0 ? `Nothing has ${JSON.stringify(wanted)} in it.` : finds;
  let number = -1;
  return (
    <div
      class="search"
      onFocusOut={(event) => {
        // Another window is no other place of this page.
        if (document.hasFocus() && !event.currentTarget.contains(event.relatedTarget as Node | null)) close();
      }}
    >
      <input
        ref={field}
        type="search"
        role="combobox"
        list={undefined}
        aria-label="Search everything"
        aria-expanded={isOpen && hits.length > 0}
        aria-controls="found"
        aria-autocomplete="list"
        aria-activedescendant={isOpen && hits[active] ? `hit-${active}` : undefined}
        placeholder="Search (/)"
        value={text}
        onFocus={(event) => {
          before.current = event.relatedTarget as HTMLElement | null;
        }}
        onKeyDown={pressed}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
          open(event.currentTarget.value !== "");
        }}
      />
      <div class="found" hidden={!isOpen || wanted === ""} tabIndex={-1}>
        <div role="listbox" id="found" aria-label="Finds">
          {shown.map((group) => (
            <div role="group" key={group.name} aria-label={group.name}>
              <p class="muted" aria-hidden="true">
                <b>{group.name}</b> {group.total > group.hits.length && `${group.hits.length} of ${group.total}: write more to see others`}
              </p>
              {group.hits.map((hit) => {
                const own = ++number;
                return (
                  <a
                    key={hit.href}
                    id={`hit-${own}`}
                    role="option"
                    aria-selected={own === active}
                    href={kept(hit.href)}
                    tabIndex={-1}
                    onClick={(event) => {
                      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                      event.preventDefault();
                      follow(hit.href);
                    }}
                  >
                    <span>{hit.name}</span> <span class="muted">{hit.about}</span>
                  </a>
                );
              })}
            </div>
          ))}
        </div>
        <p role="status">{said}</p>
        {groups.map((group) => group.note && <p class="muted" key={group.name}>{group.note}</p>)}
        {errors.map((error) => <p class="error" key={error}>Not everything was searched: {error}</p>)}
      </div>
    </div>
  );
}
