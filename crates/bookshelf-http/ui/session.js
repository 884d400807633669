// The state of the tab: the token, the tenant, and unsaved text. It ends with the tab.

/** A copy in memory. In a browser without storage, a reload loses it. */
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

/** A new `Idempotency-Key`. `randomUUID` requires HTTPS. */
export const newKey = () => crypto.getRandomValues(new BigUint64Array(2)).join('-');

/** The caller. `ask` opens the dialog for a token or a tenant's name, and resolves to false without an answer. */
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
