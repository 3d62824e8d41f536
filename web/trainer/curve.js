// The loss over the steps: pale points, and a line of their average.
import { contextOf } from "../page.js";

const LEFT = 44;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 20;

/**
 * @typedef {[step: number, loss: number, average: number]} Point
 * @typedef {{line: string, faint: string, hot: string}} Colors
 * @typedef {object} Scales
 * @property {(step: number) => number} x
 * @property {(loss: number) => number} y
 * @property {number} low
 * @property {number} high
 */

/**
 * The highest 2 % of losses are cut off at the top.
 * @param {HTMLCanvasElement} canvas
 * @param {Point[]} points
 * @param {number} steps
 * @param {Colors} colors
 */
export function drawCurve(canvas, points, steps, colors) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const density = Math.max(2, window.devicePixelRatio || 1);
  canvas.width = width * density;
  canvas.height = height * density;
  const context = contextOf(canvas);
  context.scale(density, density);
  if (!points.length || !width) return;

  const [low, high] = limits(points);
  /** @type {Scales} */
  const scales = {
    x: (step) => LEFT + ((width - LEFT - RIGHT) * (step - 1)) / Math.max(1, steps - 1),
    y: (loss) => TOP + (height - TOP - BOTTOM) * (1 - (Math.min(loss, high) - low) / (high - low)),
    low,
    high,
  };
  context.strokeStyle = colors.line;
  context.fillStyle = colors.faint;
  drawGrid(context, scales, width, height, steps);
  drawPoints(context, scales, points, colors.hot);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scales} scales
 * @param {number} width
 * @param {number} height
 * @param {number} steps
 */
function drawGrid(context, { x, y, low, high }, width, height, steps) {
  context.font = "10px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    const loss = low + (high - low) * share;
    const at = Math.round(y(loss)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, at);
    context.lineTo(width - RIGHT, at);
    context.stroke();
    context.fillText(loss.toFixed(high < 1 ? 3 : 2), LEFT - 6, at);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillText("1", x(1), height - 6);
  context.textAlign = "right";
  context.fillText(String(steps), x(steps), height - 6);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scales} scales
 * @param {Point[]} points
 * @param {string} color
 */
function drawPoints(context, { x, y }, points, color) {
  context.fillStyle = color;
  context.globalAlpha = 0.35;
  for (const [step, loss] of points) {
    context.beginPath();
    context.arc(x(step), y(loss), 1.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.beginPath();
  for (const [step, , average] of points) context.lineTo(x(step), y(average));
  context.stroke();
}

/**
 * @param {Point[]} points
 * @returns {[low: number, high: number]}
 */
function limits(points) {
  const losses = points.map(([, loss]) => loss).sort((a, b) => a - b);
  const low = losses[0];
  const averages = points.map(([, , average]) => average);
  const high = Math.max(losses[Math.ceil((losses.length - 1) * 0.98)], ...averages);
  return [Math.min(low, ...averages), high > low ? high : low + 1e-6];
}
