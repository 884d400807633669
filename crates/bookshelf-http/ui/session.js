// What the tab remembers: the token, the tenant, and text that is not saved yet. All of it goes with the tab.

/** The page's own copy. Some browsers have no storage: a reload loses what is kept there, nothing else does. */
const kept = new Map();

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
export const newKey = () => crypto.getRandomValues(new BigUint64Array(2)).join('-');

/** The caller. `ask` opens the dialog that asks for a token or a tenant's name; false where nobody answers it. */
export const session = {
  token: recall('token'),
  tenant: recall('tenant'),
  ask: async (_kind, _isRefused) => false,
};

/** Forgets the caller and everything that was typed. */
export function signOut() {
  kept.clear();
  stored((storage) => storage.clear());
  location.reload();
}
