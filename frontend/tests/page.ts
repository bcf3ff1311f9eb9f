/** The few parts of a browser that modules read while they load: tests run the arithmetic, not the page. */

const none = { addEventListener: (): void => undefined, location: { search: "", protocol: "http:", origin: "http://127.0.0.1", pathname: "/" }, document: { getElementById: (): null => null } };
Object.assign(globalThis, none);
