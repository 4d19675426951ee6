// The history over a reload: each poll is a record of this tab's own database, until Locust is started again.

const PREFIX = "zk-metrics-";
const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

class Store {
  /** Open the database of this tab and this Locust; null if the browser has none. */
  static async open(process) {
    try {
      const tab = sessionStorage.getItem(PREFIX) ?? crypto.getRandomValues(new Uint32Array(2)).join("");
      sessionStorage.setItem(PREFIX, tab);
      const name = `${PREFIX}${process}-${tab}`;
      for (const other of await indexedDB.databases()) {
        if (other.name.startsWith(PREFIX) && !other.name.startsWith(`${PREFIX}${process}-`)) indexedDB.deleteDatabase(other.name);
      }
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("points", {keyPath: ["member", "at"]});
        request.result.createObjectStore("names");
      };
      return new Store(await done(request));
    } catch {
      return null;
    }
  }

  constructor(database) { this.database = database; this.named = 0; }

  /** Restore the histories from the database. */
  async restore(histories) {
    const reading = this.database.transaction(["points", "names"]);
    const [names, points] = await Promise.all([
      done(reading.objectStore("names").get("all")), done(reading.objectStore("points").getAll()),
    ]);
    this.named = names?.length ?? 0;
    histories.restore(names ?? [], points);
  }

  /** Store the newest points and the names, and delete points that the history has dropped. */
  keep(names, added, removed) {
    try {
      const writing = this.database.transaction(["points", "names"], "readwrite");
      if (names.length > this.named) writing.objectStore("names").put([...names], "all");
      this.named = names.length;
      const points = writing.objectStore("points");
      for (const {member, point} of added) points.put({member, ...point});
      for (const {member, point} of removed) points.delete([member, point.at]);
      writing.onerror = (event) => event.preventDefault(); // no room: the history lasts as long as the page
    } catch { /* the database was taken away */ }
  }
}
