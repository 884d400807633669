// What the tab remembers: the token, the tenant, and text that is not saved yet. All of it goes with the tab.

const kept = new Map();

/** Uses the tab's storage. Where there is none, a reload loses what is kept; the page itself does not. */
function stored(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null;
  }
}

export const recall = (name) => stored((storage) => JSON.parse(storage.getItem(name))) ?? kept.get(name) ?? null;

export function keep(name, value) {
  kept.set(name, value);
  stored((storage) => storage.setItem(name, JSON.stringify(value)));
}

export function forget(name) {
  kept.delete(name);
  stored((storage) => storage.removeItem(name));
}

/** A key for `Idempotency-Key`. `randomUUID` would need HTTPS. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The caller. `ask` opens the dialog that asks for a token or a tenant's name; false where nobody answers it.
 * @type {{token: string | null, tenant: string | null, ask: (kind: string, refused: boolean) => Promise<boolean>,
 *   changed: () => void}}
 */
export const session = {
  token: recall('token'),
  tenant: recall('tenant'),
  ask: async () => false,
  changed: () => {},
};

/** Forgets the caller and everything that was typed. */
export function signOut() {
  kept.clear();
  stored((storage) => storage.clear());
  location.reload();
}
