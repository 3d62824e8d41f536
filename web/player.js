// Time that passes while something is played.

export class Player {
  /** @param {(seconds: number) => void} show called with each picture of the screen: seconds since the start */
  constructor(show) {
    this.show = show;
    this.request = 0;
  }

  get isPlaying() {
    return this.request !== 0;
  }

  start() {
    const start = performance.now();
    /** @param {number} now */
    const turn = (now) => {
      this.request = requestAnimationFrame(turn);
      this.show(Math.max(0, now - start) / 1000); // the first picture may be older than the click
    };
    this.request = requestAnimationFrame(turn);
  }

  stop() {
    cancelAnimationFrame(this.request);
    this.request = 0;
  }
}
