// Who looks, and what he may do here.

import { ApiError, data } from "./api.js";

/**
 * @typedef {object} Session
 * @property {string} access        "open": everybody may write; "token": who has logged in
 * @property {string | null} user
 * @property {boolean} may_write
 * @property {boolean} reads_need_token
 */

/** Where one logs in, and comes back from to what is shown now. */
export function loginAddress() {
  return `/admin/login/?${new URLSearchParams({ next: location.pathname + location.search })}`;
}

/**
 * What the server says of this visitor; asked until it answers.
 * @returns {Promise<Session>}
 */
export async function readSession() {
  for (let pause = 1_000; ; pause = Math.min(2 * pause, 15_000)) {
    try {
      return await data("/api/session");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
